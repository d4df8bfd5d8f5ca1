"""Shards: rows on their way through curation, some thousands to a Parquet file; a generation is all of them, in order.

A row is a sample, or the place of one that could not be read. Rewriting makes the next generation, shard by shard:
`parent` is the row in the same shard of the generation before.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from omma.core.files import replaced_path
from omma.schema.sample import Sample

READ = "read"  # the operator's name in the ledger for rows that are no samples and pictures that cannot be read
RAW = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "task")]
    + [("heldout", pa.bool_()), ("broken", pa.string()), ("parent", pa.int32())]
    + [("uris", pa.list_(pa.string())), ("kinds", pa.list_(pa.string()))]
    + [("gone", pa.string()), ("failed", pa.bool_()), ("reason", pa.string()), ("rewritten", pa.string()), ("sample", pa.string())]
)
# What seeing adds: `uri` to `height` are of the first picture, `marks` the first 8 bytes of the hash of each, `unread` why one
# cannot be read.
SEEN = [("uri", pa.string()), ("sha256", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
SEEN += [("marks", pa.list_(pa.int64())), ("unread", pa.string())]
# Made once: `json.dumps` with options makes an encoder each time, and `json.loads` looks for blanks at both ends.
_ENCODER, _DECODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False), json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Raw:
    """A row before its pictures were seen. `gone`, `failed`, `reason`, `rewritten` and `parent` are of a rewriter.

    `text` is the JSON of `sample`, which whoever has it at hand gives: it takes as long to make as all else.
    """

    sample: Sample
    heldout: bool
    broken: str = ""
    parent: int = 0
    gone: str = ""
    failed: bool = False
    reason: str = ""
    rewritten: str = ""
    text: str = ""

    @property
    def json(self) -> str:
        """What manifests hold."""
        return self.text or text_of(self.sample)


@dataclass(frozen=True)
class Rows:
    """One generation: files in order, and how many rows each has."""

    files: tuple[Path, ...]
    counts: tuple[int, ...]

    @cached_property
    def total(self) -> int:
        """All rows."""
        return sum(self.counts)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The number of each shard's first row."""
        return tuple(int(number) for number in np.cumsum((0, *self.counts))[:-1])

    def files_in(self, folder: Path) -> tuple[Path, ...]:
        """Folder of a step → the files that it has for these shards."""
        return tuple(folder / f"{number:06d}.parquet" for number in range(len(self.files)))


def write_raw(path: Path, rows: Iterable[Raw]) -> None:
    """Rows → a shard, whole or not at all."""
    write_table(path, pa.table(_columns(list(rows)), RAW))


def write_table(path: Path, table: pa.Table) -> None:
    """Table → a file, whole or not at all. LZ4 is read in half the time of Parquet's default."""
    with replaced_path(path) as temporary:
        pq.write_table(table, temporary, compression="lz4")


def read_table(path: Path, *columns: str) -> pa.Table:
    """File → its table, or these columns. `pq.read_table` makes a data set of it first, which takes longer than the columns."""
    with pq.ParquetFile(path) as file:
        return file.read(list(columns) or None, use_threads=False)


def text_of(sample: Sample) -> str:
    """Sample → the JSON that manifests hold."""
    return _ENCODER.encode(sample.to_dict())


def sample_of(text: str) -> Sample:
    """JSON of a manifest → sample."""
    return Sample.from_dict(_DECODER.raw_decode(text)[0])


def samples_at(path: Path, chosen: Bool[np.ndarray, "rows"]) -> Iterator[Sample]:
    """Shard + which rows → their samples."""
    texts = read_table(path, "sample")["sample"].to_pylist()
    yield from (sample_of(texts[i]) for i in np.flatnonzero(chosen).tolist())


def content_hash(table: pa.Table) -> str:
    """Rows of a shard → hash over what they say."""
    return hashlib.sha256("".join(f"{text}\n" for text in table["sample"].to_pylist()).encode()).hexdigest()


def flags(column: pa.ChunkedArray) -> Bool[np.ndarray, "rows"]:
    """Column of booleans → array."""
    return np.array(column.to_pylist(), bool)


def _columns(rows: list[Raw]) -> dict[str, list[Any]]:
    samples = [row.sample for row in rows]
    return {
        "id": [sample.id for sample in samples],
        "source": [sample.source for sample in samples],
        "task": [sample.task for sample in samples],
        "heldout": [row.heldout for row in rows],
        "broken": [row.broken for row in rows],
        "parent": [row.parent for row in rows],
        "uris": [[item.uri for item in sample.media] for sample in samples],
        "kinds": [[item.kind for item in sample.media] for sample in samples],
        "gone": [row.gone for row in rows],
        "failed": [row.failed for row in rows],
        "reason": [row.reason for row in rows],
        "rewritten": [row.rewritten for row in rows],
        "sample": [row.json for row in rows],
    }

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


@dataclass(frozen=True, slots=True)
class Raw:
    """A row before its pictures were seen. `gone`, `failed`, `reason`, `rewritten` and `parent` are of a rewriter."""

    sample: Sample
    heldout: bool
    broken: str = ""
    parent: int = 0
    gone: str = ""
    failed: bool = False
    reason: str = ""
    rewritten: str = ""


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

    def none(self) -> list[Bool[np.ndarray, "rows"]]:
        """False for every row, shard by shard."""
        return [np.zeros(count, bool) for count in self.counts]


def write_raw(path: Path, rows: Iterable[Raw]) -> None:
    """Rows → a shard, whole or not at all."""
    with replaced_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([_row(row) for row in rows], RAW), temporary)


def text_of(sample: Sample) -> str:
    """Sample → the JSON that manifests hold."""
    return json.dumps(sample.to_dict(), sort_keys=True, ensure_ascii=False)


def sample_of(text: str) -> Sample:
    """JSON of a manifest → sample."""
    return Sample.from_dict(json.loads(text))


def samples_at(path: Path, chosen: Bool[np.ndarray, "rows"]) -> Iterator[Sample]:
    """Shard + which rows → their samples."""
    texts = pq.read_table(path, columns=["sample"])["sample"]
    yield from (sample_of(texts[int(i)].as_py()) for i in np.flatnonzero(chosen))


def content_hash(table: pa.Table) -> str:
    """Rows of a shard → hash over what they say."""
    digest = hashlib.sha256()
    for text in table["sample"].to_pylist():
        digest.update(text.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def flags(column: pa.ChunkedArray) -> Bool[np.ndarray, "rows"]:
    """Column of booleans → array."""
    return np.array(column.to_pylist(), bool)


def _row(row: Raw) -> dict[str, Any]:
    sample = row.sample
    return {
        "id": sample.id,
        "source": sample.source,
        "task": sample.task,
        "heldout": row.heldout,
        "broken": row.broken,
        "parent": row.parent,
        "uris": [item.uri for item in sample.media],
        "kinds": [item.kind for item in sample.media],
        "gone": row.gone,
        "failed": row.failed,
        "reason": row.reason,
        "rewritten": row.rewritten,
        "sample": text_of(sample),
    }

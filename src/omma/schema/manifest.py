"""Manifest: samples as a Parquet table, one row each, with the columns that queries need beside the whole sample as JSON."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import atomic_path
from omma.schema.sample import Sample

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "task", "uri", "sha256")]
    + [("width", pa.int32()), ("height", pa.int32()), ("sample", pa.string())]
)
BATCH = 500  # rows that are read together
BUFFER = 1 << 20  # bytes
EVERY = repeat(True)


def write_manifest(path: Path, samples: Iterable[Sample]) -> None:
    """Samples → Parquet; `uri`, `sha256`, `width` and `height` are those of the first picture."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([_row(sample) for sample in samples], SCHEMA), temporary)


def read_manifest(path: Path) -> list[Sample]:
    """Parquet → samples in order. DataError if the file is missing or no manifest."""
    return list(iter_manifest(path))


def iter_manifest(path: Path, wanted: Iterable[bool] = EVERY) -> Iterator[Sample]:
    """The same one by one, in the memory of a few hundred; of each row `wanted` says whether it is one of them."""
    try:
        for text in compress(_texts(path), wanted):
            yield Sample.from_dict(json.loads(text))
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
        raise DataError(str(path), f"no manifest: {error}", "a file that `omma curate` wrote", "run `omma curate` again") from None


def manifest_hash(samples: Iterable[Sample]) -> str:
    """Samples in order → 16 hex digits."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(_text(sample).encode())
    return digest.hexdigest()[:16]


def _texts(path: Path) -> Iterator[str]:
    """Parquet → its samples as JSON. Pages of a row group are read as they come: one group may hold a million rows."""
    with pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
        file.schema_arrow.field("sample")
        for batch in file.iter_batches(batch_size=BATCH, columns=["sample"]):
            yield from batch["sample"].to_pylist()


def _text(sample: Sample) -> str:
    return json.dumps(sample.to_dict(), sort_keys=True, ensure_ascii=False)


def _row(sample: Sample) -> dict[str, object]:
    first = {name: getattr(sample.media[0], name) for name in ("uri", "sha256", "width", "height")} if sample.media else {}
    return {"id": sample.id, "source": sample.source, "task": sample.task, "sample": _text(sample), **first}

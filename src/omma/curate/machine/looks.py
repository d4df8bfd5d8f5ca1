"""Looks: what operators made of each distinct picture, in Parquet files by content hash and operator key.

A killed job finds its looks again; a second run over the same pictures with other thresholds makes none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import replaced_path
from omma.curate.operator import Look

SCHEMA = pa.schema([(name, pa.string()) for name in ("sha256", "key", "error", "dtype")] + [("value", pa.binary())])


@dataclass(frozen=True, slots=True)
class Looked:
    """One look, or why there is none (`error`). `lasting` is False where another try may end differently."""

    sha256: str
    key: str
    look: Look
    error: str = ""
    lasting: bool = True


def write_looks(path: Path, looks: Iterable[Looked]) -> None:
    """Looks → a file, whole or not at all."""
    with replaced_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([_row(item) for item in looks], SCHEMA), temporary)


def read_looks(path: Path) -> list[Looked]:
    """File → its looks; DataError if it cannot be read."""
    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        got, fix = f"cannot be read: {error}", "delete the file: they are made anew"
        raise DataError(str(path), got, "looks kept by curation", fix) from None
    return [Looked(row["sha256"], row["key"], np.frombuffer(row["value"], row["dtype"]), row["error"]) for row in rows]


def _row(item: Looked) -> dict[str, object]:
    look = np.ascontiguousarray(item.look)
    return {"sha256": item.sha256, "key": item.key, "error": item.error, "dtype": look.dtype.str, "value": look.tobytes()}

"""Looks: what operators made of each distinct picture, kept as Parquet segments by content hash and operator key.

A killed job finds its looks again; a second run over the same pictures with other thresholds makes none.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import atomic_path
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


class Looks:
    """The kept looks of one folder. `get` answers from memory; `keep` adds a segment to the folder, whole or not at all."""

    def __init__(self, folder: Path, keys: frozenset[str]) -> None:
        self.folder = folder
        self.known: dict[tuple[str, str], Looked] = {}
        for part in sorted(folder.glob("*.parquet")):
            for looked in _read(part, keys):
                self.known[looked.sha256, looked.key] = looked

    def __contains__(self, place: tuple[str, str]) -> bool:
        return place in self.known

    def get(self, sha256: str, key: str) -> Looked:
        """Content hash + operator key → look; KeyError if it has not been made."""
        return self.known[sha256, key]

    def keep(self, looked: list[Looked]) -> None:
        """Remember looks, and write down those that will not change."""
        self.known.update({(item.sha256, item.key): item for item in looked})
        rows = [_row(item) for item in looked if item.lasting]
        if rows:
            number = sum(1 for _ in self.folder.glob("*.parquet"))
            with atomic_path(self.folder / f"{number:06d}.parquet") as temporary:
                pq.write_table(pa.Table.from_pylist(rows, SCHEMA), temporary)


def _row(item: Looked) -> dict[str, object]:
    look = np.ascontiguousarray(item.look)
    return {"sha256": item.sha256, "key": item.key, "error": item.error, "dtype": look.dtype.str, "value": look.tobytes()}


def _read(part: Path, keys: frozenset[str]) -> list[Looked]:
    try:
        rows = pq.read_table(part).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            str(part), f"cannot be read: {error}", "looks kept by curation", "delete the file: they are made anew"
        ) from None
    return [
        Looked(row["sha256"], row["key"], np.frombuffer(row["value"], row["dtype"]), row["error"])
        for row in rows
        if row["key"] in keys
    ]

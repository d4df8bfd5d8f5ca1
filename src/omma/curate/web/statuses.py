"""Statuses: what became of each address → rows of Parquet in a folder, one an address, and a lookup of what failed.

Rows are appended to a journal before a picture is put in its place, so that a killed run loses none; the journal becomes
a table when it is long enough, and when fetching begins or ends.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt64

from omma.core.errors import DataError
from omma.core.files import atomic_path
from omma.media.store import annexed

Hashes = UInt64[np.ndarray, "keys"]
JOURNAL = "open.jsonl"
SEGMENT = 50_000  # rows of a table
SCHEMA = pa.schema(
    [
        ("address", pa.string()),
        ("file", pa.string()),
        ("code", pa.int32()),
        ("error", pa.string()),
        ("again", pa.bool_()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("content_type", pa.string()),
        ("tries", pa.int32()),
        ("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Status:
    """One row. `error` is empty where the file is there; `again` says that it may pass, so that a later run asks again.

    `code` is the HTTP status (0: none came), `seconds` what all tries took together.
    """

    address: str
    file: str
    code: int
    error: str
    again: bool
    bytes: int
    sha256: str
    content_type: str
    tries: int
    seconds: float


class Book:
    """The rows of a folder, open for more. `there` and `failed` are the keys of what was fetched and of what failed for good."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._absorb()
        settle(folder)
        self.there, self.failed = Keys(), Keys()
        for file in sorted(folder.glob("*.parquet")):
            rows = _read(file, ["file", "error", "again"])
            for name, error, again in zip(*(rows[column].to_pylist() for column in rows.column_names), strict=True):
                if not again:
                    (self.failed if error else self.there).add(key_of(name))
        self._pending: list[Status] = []
        self._journal: TextIO = (folder / JOURNAL).open("w", encoding="utf-8")

    def add(self, status: Status) -> None:
        """Append a row; it is kept whatever happens to this process."""
        self._journal.write(json.dumps(asdict(status)) + "\n")
        self._journal.flush()
        self._pending.append(status)
        if not status.again:
            (self.failed if status.error else self.there).add(key_of(status.file))
        if len(self._pending) >= SEGMENT:
            self._write()

    def close(self) -> None:
        """All rows into tables."""
        self._write()
        self._journal.close()
        (self.folder / JOURNAL).unlink()
        settle(self.folder)

    def _write(self) -> None:
        write_rows(self.folder, self._pending)
        self._pending = []
        self._journal.seek(0)
        self._journal.truncate()

    def _absorb(self) -> None:
        """The journal of a run that was killed → a table; its last line may be half."""
        journal = self.folder / JOURNAL
        if journal.exists():
            write_rows(self.folder, list(_whole_lines(journal)))
            journal.unlink()


class Errors:
    """Which addresses failed and why, in twelve bytes each."""

    def __init__(self, folder: Path) -> None:
        words: dict[str, int] = {"": 0}
        keys, kinds = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
        for file in sorted(folder.glob("*.parquet")):
            rows = _read(file, ["file", "error"])
            keys.append(_keys_of(rows["file"]))
            kinds.append(np.array([words.setdefault(word, len(words)) for word in rows["error"].to_pylist()], np.int32))
        key, kind = np.concatenate(keys)[::-1], np.concatenate(kinds)[::-1]
        found, first = np.unique(key, return_index=True)  # of several rows the last counts
        wrong = kind[first] > 0
        self._keys, self._kinds, self._words = found[wrong], kind[first][wrong], tuple(words)

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, address: str, otherwise: str = "") -> str:
        """Address → why it could not be fetched; `otherwise` where it was, or nobody tried."""
        key = np.uint64(key_of(annexed(address)))
        place = int(np.searchsorted(self._keys, key))
        return self._words[self._kinds[place]] if place < len(self._keys) and self._keys[place] == key else otherwise


class Keys:
    """A set of keys in eight bytes each."""

    def __init__(self) -> None:
        self._sorted: Hashes = np.empty(0, np.uint64)
        self._fresh: set[int] = set()

    def add(self, key: int) -> None:
        """Put one in."""
        self._fresh.add(key)
        if len(self._fresh) > 1 << 18:
            self._sorted, self._fresh = np.union1d(self._sorted, np.array(list(self._fresh), np.uint64)), set()

    def __contains__(self, key: int) -> bool:
        place = int(np.searchsorted(self._sorted, np.uint64(key)))
        return key in self._fresh or (place < len(self._sorted) and int(self._sorted[place]) == key)


def key_of(file: str) -> int:
    """Name of a file in the annex → the first 64 bits of the hash in it: two of ten million agree once in 400,000 times."""
    return int(file.rpartition("/")[2][:16], 16)


def settle(folder: Path) -> None:
    """Rows of the same address → the last one; tables that held others are replaced."""
    later: Hashes = np.empty(0, np.uint64)
    for file in sorted(folder.glob("*.parquet"), reverse=True):
        keys = _keys_of(_read(file, ["file"])["file"])
        last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
        kept = np.sort(last[~np.isin(keys[last], later)])
        if len(kept) < len(keys):
            rows = _read(file, SCHEMA.names).take(kept)
            with atomic_path(file) as temporary:
                pq.write_table(rows, temporary)
        later = np.union1d(later, keys)


def write_rows(folder: Path, rows: list[Status]) -> None:
    """Rows → a new table behind those there are; none without rows."""
    if not rows:
        return
    number = max((int(file.stem) for file in folder.glob("*.parquet")), default=-1) + 1
    with atomic_path(folder / f"{number:06d}.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA), temporary)


def _keys_of(files: pa.ChunkedArray) -> Hashes:
    return np.array([key_of(name) for name in files.to_pylist()], np.uint64)


def _read(file: Path, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(file, columns=columns)
    except (pa.ArrowException, OSError) as error:
        fix = "remove it: its addresses are asked again, unless their pictures are there"
        raise DataError(str(file), f"cannot be read: {' '.join(str(error).split())}", "a table of statuses", fix) from None


def _whole_lines(journal: Path) -> Iterator[Status]:
    with journal.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield Status(**json.loads(line))

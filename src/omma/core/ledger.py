"""Ledger: what happened to every sample, as rows of Parquet. Append-only; a crash loses at most the rows not yet flushed.

`ledger.parquet` is a folder of segments, one per flush, each written whole or not at all; DuckDB, pandas and
pyarrow read the folder as one table. Rerunning a step replaces that step's segments.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.files import atomic_path

VerdictWord = Literal["seen", "keep", "drop", "truncate", "split", "rewrite", "leftover", "error", "heldout"]
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("step", "sample_id", "source", "operator", "version")]
    + [("score", pa.float64()), ("threshold", pa.float64())]
    + [(name, pa.string()) for name in ("verdict", "reason")]
)
FLUSH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to one sample. `score` and `threshold` are None where the operator has none."""

    sample_id: str
    source: str
    operator: str
    version: str
    verdict: VerdictWord
    reason: str = ""
    score: float | None = None
    threshold: float | None = None


class Ledger:
    """The ledger of one run folder.

    Use `with ledger.step("curate") as book: book.add(Entry(...))`; opening a step again starts it afresh, once its first
    new rows are on disk: until then the old ones stand.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self, name: str) -> "Book":
        """Begin (or begin again) the rows of one step."""
        return Book(self.folder, name)

    def table(self) -> pa.Table:
        """All rows, ordered by step and time of writing."""
        parts = sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else []
        return pa.concat_tables([pq.read_table(part) for part in parts]) if parts else SCHEMA.empty_table()

    def entries(self, step: str) -> Iterator[Entry]:
        """Rows of one step, in the order of writing."""
        names = [field.name for field in dataclasses.fields(Entry)]
        for part in sorted(self.folder.glob(f"{step}-*.parquet")):
            for row in pq.read_table(part).to_pylist():
                yield Entry(**{name: row[name] for name in names})


class Book:
    """The rows of one step being written; a context manager that flushes at the end, also after an error."""

    def __init__(self, folder: Path, step: str) -> None:
        self.folder, self.step_name = folder, step
        self.pending: list[dict[str, object]] = []
        self.tables: list[pa.Table] = []
        self.segments = 0
        self.old: set[Path] = set()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.old = set(self.folder.glob(f"{self.step_name}-*.parquet"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.flush()
        if error is None:
            self._clear()  # of a step that ended without a row

    def add(self, *entries: Entry) -> None:
        """Append rows; they are on disk after the next flush."""
        self.pending += [{"step": self.step_name, **dataclasses.asdict(entry)} for entry in entries]
        if len(self.pending) >= FLUSH_ROWS:
            self.flush()

    def add_columns(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Append many rows at once, column by column under the names of `Entry`'s fields, after what was added before."""
        self._settle()
        self.tables.append(pa.table({"step": [self.step_name] * len(columns["sample_id"]), **columns}, SCHEMA))
        if sum(len(table) for table in self.tables) >= FLUSH_ROWS:
            self.flush()

    def extend(self, entries: Iterable[Entry]) -> None:
        """Append many rows."""
        for entry in entries:
            self.add(entry)

    def flush(self) -> None:
        """Write pending rows as one segment."""
        self._settle()
        table, self.tables = pa.concat_tables(self.tables), []
        if not len(table):
            return
        segment = self.folder / f"{self.step_name}-{self.segments:06d}.parquet"
        with atomic_path(segment) as temporary:
            pq.write_table(table, temporary)
        self.segments += 1
        self.old.discard(segment)  # replaced
        self._clear()

    def _settle(self) -> None:
        self.tables.append(pa.Table.from_pylist(self.pending, SCHEMA))
        self.pending = []

    def _clear(self) -> None:
        for old in self.old:
            old.unlink(missing_ok=True)
        self.old = set()

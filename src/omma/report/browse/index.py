"""Index: a folder to look at → one DuckDB table of its rows, on disk, and what each operator scored. Samples stay in Parquet.

Building it takes seconds for a million rows; a page of rows is then a query, and only that page's samples are read.
"""

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import duckdb
import pyarrow.parquet as pq

from omma.core.config import did_you_mean
from omma.core.errors import DataError
from omma.report.browse.folder import Folder
from omma.report.browse.tables import NO_MANIFEST, curated_rows, manifest_rows, parquet, raw_rows, verdict_rows
from omma.schema.sample import Sample

MEMORY = "1GB"  # that DuckDB may hold; beyond it, it writes to the scratch folder
THREADS = 4
SEARCHES = 8  # tables of found rows that are kept
WORDS, PICTURES = "$..text", "$.media[*].uri"
FIXED = ("id", "sha256", "heldout", "gone")  # columns of scores.parquet that are no operator's
NOTE = ":note"
SIGNS = ("<", "<=", ">", ">=")
Sign = Literal["<", "<=", ">", ">=", ""]
FATES = ("train", "heldout", "dropped", "error", "rewritten", "raw")


@dataclass(frozen=True, slots=True)
class Judge:
    """An operator of the run, in order. `number` names its columns of the table; `threshold` is None where it has none.

    `drops` is the sign between the score of what goes and the threshold, empty where no side says it; `spares_heldout` says
    that it never takes held-out samples out. Both are as `done/curate.json` has them.
    """

    number: int
    name: str
    version: str
    threshold: float | None
    drops: Sign
    spares_heldout: bool
    has_score: bool
    has_note: bool

    @property
    def score(self) -> str:
        """The column of its scores."""
        return f"s{self.number}"

    @property
    def note(self) -> str:
        """The column of its notes."""
        return f"n{self.number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as the table has it. `fate` is one of `FATES`; `operator` and `reason` say who took it out and why."""

    n: int
    id: str
    source: str
    task: str
    uri: str
    width: int
    height: int
    fate: str
    heldout: bool
    operator: str
    reason: str


ENTRY = ", ".join(Entry.__slots__)


class Index:
    """Rows of a folder, numbered in the order of reading; those that others were made of follow behind all."""

    def __init__(self, folder: Folder, scratch: Path) -> None:
        self.folder = folder
        scratch.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(scratch / "spill"), "threads": str(THREADS)}
        self.connection = duckdb.connect(str(scratch / "index.duckdb"), config=settings)
        self.connection.execute("SET enable_progress_bar = false")
        self.lock = threading.Lock()
        self.found: dict[tuple[str, str], str] = {}  # what was searched, and where → the table of rows that hold it
        self._build()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Query → rows. Safe from several threads."""
        with self.lock, self.connection.cursor() as cursor:
            return cursor.execute(query, list(values)).fetchall()

    @cached_property
    def judges(self) -> tuple[Judge, ...]:
        """Operators in the order in which they judged, those that rewrite among them."""
        columns = pq.read_schema(self.folder.scores).names if self.folder.scores else []
        told = {item["name"]: item for item in (self.folder.summary or {}).get("operators", ())}
        names = dict.fromkeys((*told, *(name for name in columns if name not in FIXED and not name.endswith(NOTE))))
        return tuple(
            Judge(
                number,
                name,
                str(told.get(name, {}).get("version", "")),
                told.get(name, {}).get("threshold"),
                _sign(told.get(name, {}).get("drops")),
                told.get(name, {}).get("scope") == "train",
                name in columns,
                name + NOTE in columns,
            )
            for number, name in enumerate(names)
        )

    def judge(self, name: str) -> Judge:
        """Name → the operator; DataError for one that gave no scores."""
        found = {judge.name: judge for judge in self.judges if judge.has_score}
        if name not in found:
            raise DataError(f"operator {name}", "no scores of it", "", did_you_mean(name, found))
        return found[name]

    @cached_property
    def total(self) -> int:
        """Rows in all."""
        return int(self.ask("SELECT count(*) FROM entry")[0][0])

    def entries(self, where: str, values: Sequence[Any] = (), limit: int = 1) -> list[Entry]:
        """Condition → the first rows that fulfil it, in order."""
        return [Entry(*row) for row in self.ask(f"SELECT {ENTRY} FROM entry WHERE {where} ORDER BY n LIMIT {limit}", values)]

    def entry(self, n: int) -> Entry:
        """Number of a row → the row; DataError if there is none."""
        found = self.entries("n = ?", [n])
        if not found:
            raise DataError(f"row {n}", "no such row", f"0 to {self.total - 1:,}")
        return found[0]

    def samples(self, numbers: Sequence[int]) -> dict[int, Sample]:
        """Numbers of rows → their samples, read from the manifests; rows that no manifest holds are left out."""
        if not numbers:
            return {}
        places = self.ask(f"SELECT n, file, place FROM entry WHERE file IS NOT NULL AND n IN ({_numbers(numbers)})")
        found: dict[int, Sample] = {}
        for file in {file for _, file, _ in places}:
            rows = {place: n for n, its, place in places if its == file}
            path = self.folder.manifests[file][1]
            query = f"SELECT file_row_number, sample FROM {parquet([path])} WHERE file_row_number IN ({_numbers(rows)})"
            found |= {rows[place]: Sample.from_dict(json.loads(text)) for place, text in self.ask(query)}
        return found

    def sample(self, n: int) -> Sample:
        """Number of a row → its sample; DataError if no manifest holds it."""
        found = self.samples([n])
        if n not in found:
            raise DataError(f"row {n}", "no sample of it is kept", "a row that a manifest holds")
        return found[n]

    def scores(self, n: int) -> dict[str, tuple[float | None, str]]:
        """Number of a row → (score, note) by operator."""
        judges = [judge for judge in self.judges if judge.has_score]
        if not judges:
            return {}
        columns = ", ".join(f"{judge.score}, {judge.note if judge.has_note else repr('')}" for judge in judges)
        row = self.ask(f"SELECT {columns} FROM entry WHERE n = ?", [n])[0]
        return {judge.name: (row[2 * i], row[2 * i + 1] or "") for i, judge in enumerate(judges)}

    def ledger(self, where: str, values: Sequence[Any] = (), columns: str = "*") -> list[tuple[Any, ...]]:
        """Condition → rows of the ledger, nothing where there is none."""
        if not self.folder.ledger:
            return []
        return self.ask(f"SELECT {columns} FROM {parquet(self.folder.ledger)} WHERE {where}", values)

    def holding(self, text: str, place: str) -> str:
        """Text + where in a sample's JSON (`WORDS`, `PICTURES`) → the name of a table (file, place) of the rows that hold it there.

        Case does not count. A few such tables are kept.
        """
        with self.lock:
            if (text, place) in self.found:
                return self.found[text, place]
            name = f"found{len(self.found)}"
            if len(self.found) == SEARCHES:
                name = self.found.pop(next(iter(self.found)))
            raw = json.dumps(text, ensure_ascii=False)[1:-1]
            held = f"list_filter(json_extract_string(sample, '{place}'), lambda t: contains(lower(t), lower($text)))"
            parts = " UNION ALL ".join(
                f"SELECT {number} AS file, file_row_number AS place FROM {parquet([path])} "
                f"WHERE contains(lower(sample), lower($raw)) AND len({held}) > 0"
                for number, (_, path) in enumerate(self.folder.manifests)
            )
            if not parts:
                parts = f"SELECT file, place FROM ({NO_MANIFEST}) WHERE $raw <> $text"
            self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {parts}", {"raw": raw, "text": text})
            self.found[text, place] = name
            return name

    def _build(self) -> None:
        """Manifests + scores + the ledger's last words → the table `entry`."""
        folder = self.folder
        self.connection.execute(f"CREATE TABLE manifest AS {manifest_rows(folder.manifests)}")
        if folder.scores is None:
            self.connection.execute(f"CREATE TABLE entry AS {raw_rows(folder.failed)}")
        else:
            self.connection.execute(f"CREATE TABLE verdict AS {verdict_rows(folder.ledger)}")
            columns = [(judge.score, judge.name) for judge in self.judges if judge.has_score]
            columns += [(judge.note, judge.name + NOTE) for judge in self.judges if judge.has_note]
            self.connection.execute(f"CREATE TABLE entry AS {curated_rows(folder.scores, columns)}")
            self.connection.execute("DROP TABLE verdict")
        self.connection.execute("DROP TABLE manifest")


def _sign(told: str | None) -> Sign:
    """What is told of an operator → a sign that SQL knows, or nothing."""
    return cast("Sign", told) if told in SIGNS else ""


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(str(int(value)) for value in values)

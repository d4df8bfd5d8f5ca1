"""Closing: history → manifests, scores and ledger of a curation, shard by shard."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.files import atomic_path
from omma.core.ledger import Book
from omma.core.progress import Bar
from omma.core.runs import RunFolder
from omma.curate.machine.history import Column, History
from omma.curate.machine.shards import READ, read_table
from omma.curate.operator import Operator, Rewriter, SetRewriter
from omma.schema.manifest import SCHEMA as MANIFEST

COLUMNS = ("id", "source", "task", "heldout", "uri", "sha256", "width", "height", "marks", "unread", "sample")
PARTS = ("train", "heldout", "gone")


@dataclass(frozen=True)
class Closed:
    """Rows of a shard with all that became of them, column by column."""

    shard: int
    rows: Mapping[str, Column]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.rows["id"])

    def where(self, part: str) -> list[int]:
        """Rows of one of the parts."""
        return [row for row, side in enumerate(self._sides) if side == part]

    @cached_property
    def _sides(self) -> list[str]:
        gone, heldout = self.rows["gone"], self.rows["heldout"]
        return ["gone" if out else "heldout" if held else "train" for out, held in zip(gone, heldout, strict=True)]


def closed(history: History, wanted: Collection[int] | None = None) -> Iterator[Closed]:
    """History → its shards (the wanted ones), one after the other; rows of unreadable pictures that nobody judged are out, too."""
    for shard in range(len(history.known.rows.files)) if wanted is None else sorted(wanted):
        file = history.known.rows.files[shard]
        table = read_table(file, *COLUMNS)
        rows = {name: table[name].to_pylist() for name in COLUMNS} | history.told(shard, "score:", "note:")
        for row, fault in enumerate(rows["unread"]):
            if fault and not rows["gone"][row]:
                rows["gone"][row], rows["failed"][row], rows["reason"][row] = READ, True, f"error:{READ}: {fault}"
        yield Closed(shard, rows)


def write_ledger(history: History, operators: Sequence[Operator], run: RunFolder) -> None:
    """The ledger alone, of a job that is stopped: it says what failed."""
    with run.ledger.step("curate") as book:
        for part in closed(history):
            _tell(book, history, part, operators)


def close(history: History, operators: Sequence[Operator], run: RunFolder) -> Iterator[Closed]:
    """Writes the ledger, `data/{train,heldout,gone}.parquet` and `data/scores.parquet`; hands each shard on."""
    schema = _score_schema(history, operators)
    with ExitStack() as stack:
        book = stack.enter_context(run.ledger.step("curate"))
        writers = {name: stack.enter_context(_table(run / f"data/{name}.parquet", MANIFEST)) for name in PARTS}
        scores = stack.enter_context(_table(run / "data/scores.parquet", schema))
        bar = stack.enter_context(Bar("write", history.seen))
        for part in closed(history):
            _tell(book, history, part, operators)
            for name, writer in writers.items():
                chosen = part.where(name)
                if chosen:
                    rows = {key: [part.rows[key][row] for row in chosen] for key in MANIFEST.names}
                    writer.write_table(pa.table(rows, MANIFEST))
            scores.write_table(pa.table(_scores(part.rows, schema), schema))
            bar.advance(part.count)
            yield part


def _tell(book: Book, history: History, part: Closed, operators: Sequence[Operator]) -> None:
    """One row a sample: what became of it, and whose doing that was; before it what rewriters did."""
    _rewritings(book, history, part.shard)
    book.add_columns(_entries(part.rows, {operator.name: operator for operator in operators}))


def judges(operators: Sequence[Operator]) -> list[Operator]:
    """Those that give scores."""
    return [operator for operator in operators if not isinstance(operator, Rewriter | SetRewriter)]


@contextmanager
def _table(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Parquet file written piece by piece, whole or not at all."""
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        yield writer


def _score_schema(history: History, operators: Sequence[Operator]) -> pa.Schema:
    columns = [("id", pa.string()), ("sha256", pa.string()), ("heldout", pa.bool_()), ("gone", pa.string())]
    for operator in judges(operators):
        columns.append((operator.name, pa.float64()))
        if _has_notes(history, operator):
            columns.append((f"{operator.name}:note", pa.string()))
    return pa.schema(columns)


def _has_notes(history: History, operator: Operator) -> bool:
    steps = [step for step in history.steps if operator in step.operators]
    name = f"note:{operator.name}"
    return any(any(read_table(file, name)[name].to_pylist()) for step in steps for file in step.files)


def _scores(rows: Mapping[str, Column], schema: pa.Schema) -> dict[str, Any]:
    """Every score of every row, one column an operator; null where it did not judge."""
    found: dict[str, Any] = {}
    for field in schema:
        name, _, kind = field.name.partition(":")
        if field.name in rows:
            found[field.name] = [value or "" for value in rows[field.name]] if field.name == "sha256" else rows[field.name]
        elif kind:
            found[field.name] = rows.get(f"note:{name}", [None] * len(rows["id"]))
        else:
            values = rows.get(f"score:{name}", [None] * len(rows["id"]))
            found[field.name] = pa.array(values, pa.float64(), from_pandas=True)
    return found


def _entries(rows: Mapping[str, Column], by_name: Mapping[str, Operator]) -> dict[str, Column]:
    count = len(rows["id"])
    found: dict[str, Column] = {name: rows[key] for name, key in (("sample_id", "id"), ("source", "source"), ("reason", "reason"))}
    found |= {"operator": ["curate"] * count, "version": ["1"] * count, "score": [None] * count, "threshold": [None] * count}
    found["verdict"] = ["heldout" if heldout else "keep" for heldout in rows["heldout"]]
    for row, gone in enumerate(rows["gone"]):
        if not gone:
            continue
        found["operator"][row], found["verdict"][row] = gone, "error" if rows["failed"][row] else "drop"
        operator, scores = by_name.get(gone), rows.get(f"score:{gone}")
        if operator is None:
            continue
        found["version"][row], score = operator.version, scores[row] if scores else None
        if score is not None:
            found["score"][row], found["threshold"][row] = None if np.isnan(score) else score, operator.threshold
    return found


def _rewritings(book: Book, history: History, shard: int) -> None:
    """A row for each sample that a rewriter changed, under the id that it had."""
    for step in history.steps:
        operator = step.operators[0] if step.operators else None
        if not isinstance(operator, Rewriter | SetRewriter):
            continue
        table = read_table(step.files[shard], "parent", "rewritten", "source")
        before = read_table(history.generations[step.generation - 1].rows.files[shard], "id")["id"]
        told = [row for row in table.to_pylist() if row["rewritten"]]
        book.add_columns(
            {
                "sample_id": [before[row["parent"]].as_py() for row in told],
                "source": [row["source"] for row in told],
                "operator": [operator.name] * len(told),
                "version": [operator.version] * len(told),
                "score": [None] * len(told),
                "threshold": [None] * len(told),
                "verdict": ["rewrite"] * len(told),
                "reason": [row["rewritten"] for row in told],
            }
        )

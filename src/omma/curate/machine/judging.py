"""Judging: a shard of rows + operators that judge one sample at a time → score, fate and reason of each row, in order.

Scores of texts and models are kept by the shard's content and the operator's key in `looks/scores`: another threshold asks
nothing again, and nothing is asked twice after a kill.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from omma.core.errors import DataError
from omma.curate.machine.shards import flags, read_table, sample_of, write_table
from omma.curate.operator import ModelOperator, Operator, PictureOperator, TextOperator
from omma.media.store import Store
from omma.schema.sample import Sample

FATE = [("gone", pa.string()), ("failed", pa.bool_()), ("reason", pa.string())]
KEPT = pa.schema([("row", pa.int32()), ("score", pa.float64())])


@dataclass(frozen=True, slots=True)
class Judge:
    """A shard of rows that know what they show, which of them are alive, and operators one after the other."""

    rows: Path
    hash: str
    alive: Bool[np.ndarray, "rows"]
    operators: tuple[Operator, ...]
    store: Store
    kept: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Fates:
    """Rows of a shard that some operator took out, and those of them that it failed on."""

    gone: Bool[np.ndarray, "rows"]
    failed: Bool[np.ndarray, "rows"]


class Sheet:
    """Outcomes of a shard being written: columns `gone`, `failed`, `reason` and, by operator, `score:` and `note:`."""

    def __init__(self, count: int, heldout: Bool[np.ndarray, "rows"]) -> None:
        self.heldout = heldout
        self.columns: dict[str, list[Any]] = {"gone": [""] * count, "failed": [False] * count, "reason": [""] * count}
        self.kinds: list[tuple[str, pa.DataType]] = list(FATE)

    def open(self, operator: Operator) -> None:
        """Begin the columns of an operator."""
        count = len(self.heldout)
        self.name, self.spares = operator.name, operator.scope == "train"
        self.scores: list[float | None] = [None] * count
        self.notes: list[str | None] = [None] * count
        self.columns |= {f"score:{self.name}": self.scores, f"note:{self.name}": self.notes}
        self.kinds += [(f"score:{self.name}", pa.float64()), (f"note:{self.name}", pa.string())]

    def put(self, row: int, score: float, reason: str = "", note: str = "") -> None:
        """What the operator says of a row: it goes for a reason; held-out ones not for one that looks after training alone."""
        self.scores[row], self.notes[row] = score, note
        if reason and not (self.spares and self.heldout[row]):
            self._take(row, reason)

    def fail(self, row: int, why: str) -> None:
        """The operator could not judge a row."""
        self.columns["failed"][row] = True
        self._take(row, f"error:{self.name}: {why}")

    def _take(self, row: int, reason: str) -> None:
        self.columns["gone"][row], self.columns["reason"][row] = self.name, reason

    def write(self, path: Path) -> None:
        """The sheet as a file, whole or not at all."""
        write_table(path, pa.table(self.columns, pa.schema(self.kinds)))


def fates_in(path: Path) -> Fates:
    """File of outcomes → who went."""
    table = read_table(path, "gone", "failed")
    return Fates(np.array([bool(name) for name in table["gone"].to_pylist()], bool), flags(table["failed"]))


def judge(job: Judge) -> Fates:
    """Job → its file of outcomes. What a model failed on is asked again by a job that is begun again."""
    if not job.out.exists() or (isinstance(job.operators[0], ModelOperator) and fates_in(job.out).failed.any()):
        table = read_table(job.rows)
        sheet, desk = Sheet(len(table), flags(table["heldout"])), _Desk(job, table)
        for operator in job.operators:
            sheet.open(operator)
            gone = sheet.columns["gone"]
            _judge(operator, [row for row in np.flatnonzero(job.alive).tolist() if not gone[row]], desk, sheet)
        sheet.write(job.out)
    return fates_in(job.out)


class _Desk:
    """What operators find of a shard: samples made from their JSON when first asked for."""

    def __init__(self, job: Judge, table: pa.Table) -> None:
        self.job, self.table = job, table
        self.texts = table["sample"].to_pylist()
        self.samples: dict[int, Sample] = {}

    def sample(self, row: int) -> Sample:
        if row not in self.samples:
            self.samples[row] = sample_of(self.texts[row])
        return self.samples[row]


def _judge(operator: Operator, alive: list[int], desk: _Desk, sheet: Sheet) -> None:
    if isinstance(operator, PictureOperator):
        _by_looks(operator, alive, desk, sheet)
    elif isinstance(operator, TextOperator):
        _by_text(operator, alive, desk, sheet)
    elif isinstance(operator, ModelOperator):
        _by_model(operator, alive, desk, sheet)
    else:
        raise DataError(operator.name, type(operator).__name__, "an operator that judges one sample at a time")


def _by_looks(operator: PictureOperator, alive: list[int], desk: _Desk, sheet: Sheet) -> None:
    """By the looks that were attached to the rows: the first picture that it fails on or drops decides."""
    faults, scores = (desk.table[f"{kind}:{operator.name}"].to_pylist() for kind in ("fault", "value"))
    for row in alive:
        for fault, score in zip(faults[row], scores[row], strict=True):
            if fault:
                sheet.fail(row, fault)
                break
            if reason := operator.decide(score):
                sheet.put(row, score, reason)
                break
        else:
            sheet.put(row, scores[row][0] if scores[row] else math.nan)


def _by_text(operator: TextOperator, alive: list[int], desk: _Desk, sheet: Sheet) -> None:
    def ask(rows: list[int]) -> list[tuple[float, str]]:
        found = []
        for row in rows:
            try:
                found.append((float(operator.score(desk.sample(row))), ""))
            except Exception as error:  # the row says so, the job goes on
                found.append((math.nan, error.got if isinstance(error, DataError) else f"{type(error).__name__}: {error}"))
        return found

    for row, score, error in _kept(operator, alive, desk, ask):
        if error:
            sheet.fail(row, error)
            continue
        reason = operator.decide(score)
        note = operator.note(desk.sample(row)) if reason else ""
        sheet.put(row, score, f"{reason}: {note}" if note else reason)


def _by_model(operator: ModelOperator, alive: list[int], desk: _Desk, sheet: Sheet) -> None:
    def ask(rows: list[int]) -> list[tuple[float, str]]:
        found = operator.score([desk.sample(row) for row in rows], desk.job.store)
        return [(item.score, item.error) for item in found]

    for row, score, error in _kept(operator, alive, desk, ask):
        if error:
            sheet.fail(row, error)
        else:
            sheet.put(row, score, operator.decide(score))


def _kept(
    operator: Operator, alive: list[int], desk: _Desk, ask: Callable[[list[int]], list[tuple[float, str]]]
) -> Iterator[tuple[int, float, str]]:
    """Scores that are kept, and those that have to be asked for, which are kept from now on unless they failed."""
    file = desk.job.kept / f"{desk.job.hash[:32]}-{operator.key}.parquet"
    known = dict(_read_kept(file)) if file.exists() else {}
    missing = [row for row in alive if row not in known]
    found = ask(missing) if missing else []
    if len(found) != len(missing):
        raise DataError(operator.name, f"{len(found)} scores", f"{len(missing)}, one a sample")
    errors = {row: error for row, (_, error) in zip(missing, found, strict=True) if error}
    fresh = {row: score for row, (score, error) in zip(missing, found, strict=True) if not error}
    if fresh:
        known |= fresh
        rows = sorted(known)
        write_table(file, pa.table({"row": rows, "score": [known[row] for row in rows]}, KEPT))
    for row in alive:
        yield row, known.get(row, math.nan), errors.get(row, "")


def _read_kept(file: Path) -> Iterator[tuple[int, float]]:
    table = read_table(file)
    yield from zip(table["row"].to_pylist(), table["score"].to_pylist(), strict=True)

"""Judging: a shard of rows + operators that judge one sample at a time → score, fate and reason of each row, in order.

Scores of texts and models are kept by the shard's content and the operator's key in `looks/scores`: another threshold asks
nothing again, and nothing is asked twice after a kill.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from omma.core.errors import DataError
from omma.core.files import replaced_path
from omma.curate.machine.shards import flags, sample_of
from omma.curate.operator import ModelOperator, Operator, PictureOperator, TextOperator
from omma.media.store import Store
from omma.schema.sample import Sample

FATE = [("gone", pa.string()), ("failed", pa.bool_()), ("reason", pa.string())]
KEPT = pa.schema([("row", pa.int32()), ("score", pa.float64())])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operator says of one sample. `reason` is empty where it stays; `failed`: the operator could not judge it."""

    score: float = math.nan
    reason: str = ""
    failed: bool = False
    note: str = ""


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
        for name, kind in (("score", pa.float64()), ("note", pa.string())):
            self.columns[f"{name}:{operator.name}"] = [None] * count
            self.kinds.append((f"{name}:{operator.name}", kind))

    def put(self, operator: Operator, row: int, outcome: Outcome) -> None:
        """What an operator says of a row; held-out samples are never taken out by one that only looks after training."""
        if not outcome.failed:
            self.columns[f"score:{operator.name}"][row] = outcome.score
            self.columns[f"note:{operator.name}"][row] = outcome.note
        if outcome.failed or (outcome.reason and not (self.heldout[row] and operator.scope == "train")):
            self.columns["gone"][row] = operator.name
            self.columns["failed"][row] = outcome.failed
            self.columns["reason"][row] = (f"error:{operator.name}: " if outcome.failed else "") + outcome.reason

    def write(self, path: Path) -> None:
        """The sheet as a file, whole or not at all."""
        with replaced_path(path) as temporary:
            pq.write_table(pa.table(self.columns, pa.schema(self.kinds)), temporary)


def fates_in(path: Path) -> Fates:
    """File of outcomes → who went."""
    table = pq.read_table(path, columns=["gone", "failed"])
    return Fates(np.array([bool(name) for name in table["gone"].to_pylist()], bool), flags(table["failed"]))


def judge(job: Judge) -> Fates:
    """Job → its file of outcomes. What a model failed on is asked again by a job that is begun again."""
    if not job.out.exists() or (isinstance(job.operators[0], ModelOperator) and fates_in(job.out).failed.any()):
        table = pq.read_table(job.rows)
        sheet = Sheet(len(table), flags(table["heldout"]))
        desk = _Desk(job, table)
        for operator in job.operators:
            sheet.open(operator)
            alive = [int(row) for row in np.flatnonzero(job.alive) if not sheet.columns["gone"][row]]
            for row, outcome in _outcomes(operator, alive, desk):
                sheet.put(operator, row, outcome)
        sheet.write(job.out)
    return fates_in(job.out)


class _Desk:
    """What operators find of a shard: samples made from their JSON when first asked for."""

    def __init__(self, job: Judge, table: pa.Table) -> None:
        self.job, self.table = job, table
        self.texts = table["sample"]
        self.samples: dict[int, Sample] = {}

    def sample(self, row: int) -> Sample:
        if row not in self.samples:
            self.samples[row] = sample_of(self.texts[row].as_py())
        return self.samples[row]


def _outcomes(operator: Operator, alive: list[int], desk: _Desk) -> Iterator[tuple[int, Outcome]]:
    if isinstance(operator, PictureOperator):
        yield from _of_pictures(operator, alive, desk)
    elif isinstance(operator, TextOperator):
        yield from _of_texts(operator, alive, desk)
    elif isinstance(operator, ModelOperator):
        yield from _of_model(operator, alive, desk)
    else:
        raise DataError(operator.name, type(operator).__name__, "an operator that judges one sample at a time")


def _of_pictures(operator: PictureOperator, alive: list[int], desk: _Desk) -> Iterator[tuple[int, Outcome]]:
    """By the looks that were attached to the rows: the first picture that it fails on or drops decides."""
    faults, scores = (desk.table[f"{kind}:{operator.name}"].to_pylist() for kind in ("fault", "value"))
    for row in alive:
        yield row, _of_looks(operator, faults[row] or [], scores[row] or [])


def _of_looks(operator: PictureOperator, faults: Sequence[str], scores: Sequence[float]) -> Outcome:
    for fault, score in zip(faults, scores, strict=True):
        if fault:
            return Outcome(reason=fault, failed=True)
        if reason := operator.decide(score):
            return Outcome(score, reason)
    return Outcome(scores[0]) if scores else Outcome()


def _of_texts(operator: TextOperator, alive: list[int], desk: _Desk) -> Iterator[tuple[int, Outcome]]:
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
            yield row, Outcome(reason=error, failed=True)
            continue
        reason = operator.decide(score)
        note = operator.note(desk.sample(row)) if reason else ""
        yield row, Outcome(score, f"{reason}: {note}" if note else reason)


def _of_model(operator: ModelOperator, alive: list[int], desk: _Desk) -> Iterator[tuple[int, Outcome]]:
    def ask(rows: list[int]) -> list[tuple[float, str]]:
        found = operator.score([desk.sample(row) for row in rows], desk.job.store)
        return [(item.score, item.error) for item in found]

    for row, score, error in _kept(operator, alive, desk, ask):
        yield row, Outcome(reason=error, failed=True) if error else Outcome(score, operator.decide(score))


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
        with replaced_path(file) as temporary:
            rows = sorted(known)
            pq.write_table(pa.table({"row": rows, "score": [known[row] for row in rows]}, KEPT), temporary)
    for row in alive:
        yield row, known.get(row, math.nan), errors.get(row, "")


def _read_kept(file: Path) -> Iterator[tuple[int, float]]:
    table = pq.read_table(file)
    yield from zip(table["row"].to_pylist(), table["score"].to_pylist(), strict=True)

"""Summary: a closed curation → what later steps and the report need to know of it, as plain values."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int16, Int64, Shaped

from omma.core.runs import RunFolder
from omma.core.seeds import generator
from omma.curate.flaws import found_flaws, known_flaws
from omma.curate.machine.closing import Closed, closed, judges
from omma.curate.machine.history import History
from omma.curate.machine.shards import READ, read_table, sample_of
from omma.curate.operator import Operator, words_of
from omma.schema.sample import Sample

EXAMPLES = 6  # of each operator, and of each side of its threshold
TEXT = 200  # letters of an example
BINS = 20


def summarise(
    tally: "Tally", history: History, operators: Sequence[Operator], run: RunFolder, root: Path, seed: int
) -> dict[str, Any]:
    """Facts of a curation whose parts are written. `seed` chooses the examples."""
    scores = run / "data/scores.parquet"
    examples = {name: _drawn(tally, name, seed) for name in tally.names}
    borderline = {operator.name: _nearest(tally, operator, scores) for operator in judges(operators)}
    shown = _shown(history, {row for rows in (*examples.values(), *borderline.values()) for row in rows})
    return {
        "seen": history.seen,
        "kept": tally.kept,
        "heldout": tally.heldout,
        "dropped": tally.dropped,
        "errors": tally.errors,
        "pictures": tally.pictures,
        "tasks": dict(sorted(tally.tasks.items())),
        "operators": _operators(tally, operators, scores),
        "examples": [{"operator": name} | shown[row].told for name, rows in examples.items() for row in rows],
        "borderline": [shown[row].beside(name) for name, rows in borderline.items() for row in rows],
        "flaws": _flaws(history, root),
    }


@dataclass(frozen=True)
class Shown:
    """A row as the report shows it."""

    told: dict[str, Any]
    gone: str
    scores: dict[str, float]

    def beside(self, operator: str) -> dict[str, Any]:
        """With its score by an operator, and whether that let it pass."""
        return {"operator": operator} | self.told | {"score": self.scores[operator], "kept": self.gone != operator}


class Tally:
    """Counts over all shards, and for each row the number of the operator that took it out (-1: none)."""

    def __init__(self) -> None:
        self.kept = self.heldout = 0
        self.tasks: Counter[str] = Counter()
        self.names: dict[str, int] = {}  # operators that took something out, in the order of the first row that each took
        self.failed: Counter[str] = Counter()
        self.takers: list[np.ndarray] = []
        self.marks: list[np.ndarray] = []

    def add(self, part: Closed) -> None:
        """Count a shard."""
        self.takers.append(np.array([self._number(name) for name in part.rows["gone"]], np.int16))
        train = part.where("train")
        self.kept += len(train)
        self.heldout += len(part.where("heldout"))
        self.tasks.update(part.rows["task"][row] for row in train)
        self.marks.append(np.array([mark for row in train for mark in part.rows["marks"][row] or ()], np.int64))
        self.failed.update(name for name, bad in zip(part.rows["gone"], part.rows["failed"], strict=True) if bad)

    def _number(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names)) if name else -1

    @cached_property
    def gone(self) -> Int16[np.ndarray, "rows"]:
        """For each row the number of its taker."""
        return np.concatenate(self.takers)

    @property
    def errors(self) -> int:
        """Rows that failed."""
        return sum(self.failed.values())

    @property
    def dropped(self) -> int:
        """Rows that an operator decided against."""
        return int((self.gone >= 0).sum()) - self.errors

    @property
    def pictures(self) -> int:
        """Distinct pictures that are trained on."""
        return len(np.unique(np.concatenate(self.marks)))

    def rows_of(self, name: str) -> Int64[np.ndarray, "rows"]:
        """Numbers of the rows that an operator took out."""
        return np.flatnonzero(self.gone == self.names[name]) if name in self.names else np.zeros(0, np.int64)


def _operators(tally: Tally, operators: Sequence[Operator], scores: Path) -> list[dict[str, Any]]:
    """For each operator in order: how many came in and went out, and how its scores lie."""
    rows, left = [], len(tally.gone) - len(tally.rows_of(READ))
    for operator in operators:
        gone, errors = len(tally.rows_of(operator.name)), tally.failed[operator.name]
        judge = operator in judges(operators)
        facts = {"name": operator.name, "version": operator.version, "threshold": operator.threshold if judge else None, "in": left}
        facts["drops"] = operator.drops if judge else None
        left -= gone
        facts |= {"out": left, "dropped": gone - errors, "errors": errors, "scope": operator.scope}
        rows.append(facts | {"scores": _histogram(_column(scores, operator.name) if judge else np.zeros(0))})
    return rows


def _column(scores: Path, name: str) -> Float[np.ndarray, "rows"]:
    return read_table(scores, name)[name].to_numpy(zero_copy_only=False).astype(np.float64)


def _histogram(scores: Shaped[np.ndarray, "rows"]) -> dict[str, list[float]]:
    """Scores → edges of 20 bins and counts; nothing where no score is finite."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(finite, BINS)
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist()}


def _drawn(tally: Tally, name: str, seed: int) -> list[int]:
    """A few of those that an operator took out, drawn by seed, in the order of reading."""
    gone = tally.rows_of(name)
    chosen = generator(seed, "examples", name).permutation(len(gone))[:EXAMPLES]
    return [int(gone[i]) for i in sorted(chosen)]


def _nearest(tally: Tally, operator: Operator, scores: Path) -> list[int]:
    """Rows nearest to an operator's threshold: of those that it took out, and of those that it let pass; nearest first."""
    values = np.abs(_column(scores, operator.name) - operator.threshold)
    out = np.zeros(len(values), bool)
    out[tally.rows_of(operator.name)] = True
    found: list[int] = []
    for side in (out, ~out):
        rows = np.flatnonzero(side & np.isfinite(values))
        found += rows[np.argsort(values[rows], kind="stable")[:EXAMPLES]].tolist()
    return found


def _shown(history: History, wanted: set[int]) -> dict[int, Shown]:
    """Numbers of rows → what is shown of each; only the shards that hold them are read."""
    starts = history.known.rows.offsets
    shards = {bisect_right(starts, row) - 1 for row in wanted}
    found: dict[int, Shown] = {}
    for part in closed(history, shards):
        for row in range(part.count):
            if starts[part.shard] + row in wanted:
                found[starts[part.shard] + row] = _row(part, row)
    return found


def _row(part: Closed, row: int) -> Shown:
    text = words_of(sample_of(part.rows["sample"][row]))[:TEXT]
    uri, key, reason = (part.rows[name][row] for name in ("uri", "id", "reason"))
    scores = {name.removeprefix("score:"): values[row] for name, values in part.rows.items() if name.startswith("score:")}
    return Shown({"sample_id": key, "uri": uri or "", "text": text, "reason": reason}, part.rows["gone"][row], scores)


def _flaws(history: History, root: Path) -> list[dict[str, Any]]:
    """How planted flaws were found, where the data say what they are."""
    flaws = known_flaws(root)
    return found_flaws(_judged(history), flaws) if flaws else []


def _judged(history: History) -> Iterator[tuple[Sample, str]]:
    for part in closed(history):
        for row, text in enumerate(part.rows["sample"]):
            if not part.rows["heldout"][row]:
                yield sample_of(text), part.rows["gone"][row]

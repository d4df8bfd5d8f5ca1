"""Compare: two folders of records → how far apart their scores are on the questions that both were asked, and on which of them.

A difference is B − A on the shared questions alone, whatever else either folder holds. Its interval is a paired bootstrap
over units: what makes a question hard for both cancels out. Numbers that are functions of sums (means, F1, CIDEr, MME's
points) draw the units of their own metric; others draw questions and work the metric out anew for each draw.
"""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omma.core.errors import CheckpointError, OmmaError
from omma.core.seeds import generator
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.job import SUITE, read_records
from omma.evaluate.known import Known
from omma.evaluate.published import Published
from omma.evaluate.token_loss import TokenLoss
from omma.metrics.interval import of_sums
from omma.metrics.metric import Marked, Metric, Number, Terms
from omma.schema.verdict import Record

RESAMPLES = 200  # of numbers that are no function of sums
PATIENCE = 0.2  # seconds that working such a number out once may take; above it (COCO's AP of thousands) there is no interval


@dataclass(frozen=True, slots=True)
class Pair:
    """One question that both answered, with what each reply scored by one metric; `better` is which side that is: 1 B, −1 A."""

    a: Record
    b: Record
    score_a: float
    score_b: float
    better: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of both sides over the same `count` units, and B − A with its 95% interval (NaN: none is known)."""

    number_a: Number
    number_b: Number
    variant: str
    low: float
    high: float

    @property
    def value(self) -> float:
        """B − A."""
        return self.number_b.value - self.number_a.value


@dataclass(frozen=True, slots=True)
class Ruled:
    """One metric on one benchmark: its numbers, the main one first, and the questions pair by pair."""

    benchmark: str
    metric: str
    differences: tuple[Difference, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """The records of one benchmark in both folders: those of shared questions side by side, in A's order, and all of them."""

    benchmark: Benchmark
    records_a: list[Record]
    records_b: list[Record]
    all_a: list[Record]
    all_b: list[Record]


def find_scores(place: Path) -> Path:
    """Folder of records, folder with one moment, or RUN/MOMENT → the folder with the records. CheckpointError otherwise."""
    for folder in (place, place.parent / "eval" / place.name):
        if (folder / SUITE).is_file():
            return folder
    found = sorted(file.parent for file in place.glob(f"eval/*/{SUITE}"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(folder.name for folder in found)
        raise CheckpointError(str(place), f"{len(found)} sets of scores: {names}", "one", f"give {place}/{found[0].name}")
    got = "no scores" if place.is_dir() else "no such folder"
    raise CheckpointError(str(place), got, "a folder that `omma eval` wrote", "run `omma eval` first")


def share(folder_a: Path, folder_b: Path, suite_a: Sequence[Benchmark], suite_b: Sequence[Benchmark]) -> list[Shared]:
    """Two folders and their suites → the benchmarks in both, by name. CheckpointError if there is none, or no shared question."""
    names = {benchmark.name for benchmark in suite_b}
    both = [benchmark for benchmark in suite_a if benchmark.name in names]
    if not both:
        got = f"{_names(suite_a)} in A, {_names(suite_b)} in B"
        raise CheckpointError(f"{folder_a} and {folder_b}", got, "a benchmark that is in both", "score both on the same suite")
    found = []
    for benchmark in both:
        all_a, all_b = (read_records(folder, benchmark.name) for folder in (folder_a, folder_b))
        there = {record.sample_id: record for record in all_b}
        shared = [record for record in all_a if record.sample_id in there]
        if not shared:
            got = f"{len(all_a)} questions such as {all_a[0].sample_id!r} in A, {all_b[0].sample_id!r} in B"
            raise CheckpointError(f"{benchmark.name}", got, "a question that is in both", "is it the same split?")
        found.append(Shared(benchmark, shared, [there[record.sample_id] for record in shared], all_a, all_b))
    return found


def compare(shared: Shared, known: Known) -> list[Ruled]:
    """Records of both sides → what each metric of the benchmark makes of them, the main one first."""
    benchmark = shared.benchmark
    if not isinstance(benchmark, Published):
        return [_held_out(shared, known)]
    return [_ruled(benchmark, metric, shared) for metric in benchmark.metrics]


def _ruled(benchmark: Published, metric: Metric, shared: Shared) -> Ruled:
    a, b = (benchmark.marked(metric, side) for side in (shared.records_a, shared.records_b))
    numbers_a = metric.aggregate(a)
    numbers_b = {number.metric: number for number in metric.aggregate(b)}
    again = _resampled(metric, a, b) if any(number.terms is None for number in numbers_a) else {}
    differences = []
    for one in numbers_a:
        other = numbers_b.get(one.metric)
        if other is not None:
            low, high = _of_terms(benchmark.name, one, other) or again.get(one.metric, (math.nan, math.nan))
            differences.append(Difference(one, other, metric.variant, low, high))
    up = numbers_a[0].higher_is_better
    scores = ([one.mark.score for one in side] for side in (a, b))
    pairs = _pairs(_among(shared, {one.id for one in a}), *scores, higher_is_better=up)
    return Ruled(benchmark.name, type(metric).__name__, tuple(differences), pairs)


def _among(shared: Shared, names: Collection[str]) -> Shared:
    """Shared records → those under whose names marks stand."""
    a, b = ([record for record in side if record.sample_id in names] for side in (shared.records_a, shared.records_b))
    return Shared(shared.benchmark, a, b, shared.all_a, shared.all_b)


def main_number(benchmark: Benchmark, records: Sequence[Record], known: Known) -> Number:
    """Records of one model → the main number of a benchmark, with what each unit adds to it where it is a function of sums."""
    if isinstance(benchmark, Published):
        metric = benchmark.metrics[0]
        return metric.aggregate(benchmark.marked(metric, records))[0]
    marked = benchmark.mark(records, known)
    units = [_parts(benchmark, record) for record in marked]
    first = benchmark.score(marked, known)[0]
    told = Terms(units, lambda sums: sums[..., 0] / sums[..., 1])
    ends = first.low, first.high, first.higher_is_better, first.unit
    return Number(first.metric, first.value, len(marked), first.unparsed, *ends, told)


def _parts(benchmark: Benchmark, record: Record) -> tuple[float, float]:
    """What a run's own sample adds: its losses and the tokens they are over, or whether it is right."""
    if isinstance(benchmark, TokenLoss):
        return float(record.details["loss"]), float(record.details["supervised"])
    return float(record.correct or 0.0), 1.0


def _held_out(shared: Shared, known: Known) -> Ruled:
    """A run's own samples: replies are right or not, or a loss is summed over tokens."""
    benchmark = shared.benchmark
    a, b = (main_number(benchmark, side, known) for side in (shared.records_a, shared.records_b))
    low, high = _of_terms(benchmark.name, a, b) or (math.nan, math.nan)
    terms = (one.terms.units for one in (a, b) if one.terms is not None)
    scores = ([total / max(count, 1.0) for total, count in units] for units in terms)
    pairs = _pairs(shared, *scores, higher_is_better=not isinstance(benchmark, TokenLoss))
    return Ruled(benchmark.name, a.metric, (Difference(a, b, "official", low, high),), pairs)


def _of_terms(name: str, a: Number, b: Number) -> tuple[float, float] | None:
    """Two numbers over the same units → interval of b − a, units drawn in pairs; None where they are no such numbers."""
    if a.terms is None or b.terms is None:
        return None
    first, second = (np.asarray(one.terms.units, float) for one in (a, b) if one.terms is not None)
    if first.shape[0] != second.shape[0]:
        return None
    of_a, of_b, width = a.terms.value, b.terms.value, first.shape[1]
    both = np.hstack([first, second])
    _, low, high = of_sums(both, lambda sums: of_b(sums[..., width:]) - of_a(sums[..., :width]), f"{name} {a.metric}")
    return low, high


def _resampled(metric: Metric, a: Sequence[Marked], b: Sequence[Marked]) -> dict[str, tuple[float, float]]:
    """Marked replies to the same questions → intervals by drawing questions, for numbers that have an interval at all."""
    began = time.perf_counter()
    names = {number.metric for number in metric.aggregate(a) if number.terms is None and math.isfinite(number.low)}
    if not names or time.perf_counter() - began > PATIENCE:
        return {}
    drawn: dict[str, list[float]] = {name: [] for name in names}
    random = generator(0, "compare", type(metric).__name__)
    for _ in range(RESAMPLES):
        places = random.integers(len(a), size=len(a))
        try:
            one, other = ({n.metric: n.value for n in metric.aggregate([side[i] for i in places])} for side in (a, b))
        except (OmmaError, ValueError, ZeroDivisionError):  # a draw without one of two classes, say
            continue
        for name in names & one.keys() & other.keys():
            drawn[name].append(other[name] - one[name])
    finite = {name: [value for value in values if math.isfinite(value)] for name, values in drawn.items()}
    return {name: _middle(values) for name, values in finite.items() if len(values) > RESAMPLES // 2}


def _middle(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _pairs(shared: Shared, a: Sequence[float], b: Sequence[float], *, higher_is_better: bool) -> tuple[Pair, ...]:
    turn = 1 if higher_is_better else -1
    rows = zip(shared.records_a, shared.records_b, a, b, strict=True)
    return tuple(Pair(one, other, was, now, turn * ((now > was) - (now < was))) for one, other, was, now in rows)


def _names(suite: Sequence[Benchmark]) -> str:
    return ", ".join(benchmark.name for benchmark in suite)

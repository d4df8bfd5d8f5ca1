"""Scores: verdicts of several moments → rows of one table, and the headline numbers above it."""

from dataclasses import dataclass

from omma.evaluate.accuracy import WHOLE
from omma.evaluate.table import written
from omma.report.facts import AFTER, BEFORE, BLIND, Facts
from omma.schema.verdict import Verdict

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One number as text, its 95% interval as text, whether it is drawn as a bar, and where on it (0..100)."""

    text: str
    interval: str
    bar: bool
    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric of one subset: a cell per moment (in the order of the facts), the trivial guess, and what was counted."""

    benchmark: str
    metric: str
    subset: str
    whole: bool
    count: int
    unparsed: int
    trivial: str
    trivial_at: float
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The number a reader looks for first, with what it has to be compared with."""

    benchmark: str
    metric: str
    value: str
    beside: tuple[tuple[str, str], ...]


def score_rows(facts: Facts) -> tuple[ScoreRow, ...]:
    """One row per benchmark, metric and subset; wholes stand first in their benchmark."""
    found: dict[Key, dict[str, Verdict]] = {}
    for moment in facts.moments:
        for verdict in facts.verdicts[moment]:
            found.setdefault((verdict.benchmark, verdict.metric, verdict.subset), {})[moment] = verdict
    order = list(dict.fromkeys(key[0] for key in found))
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[2] != WHOLE, key[2], key[1]))
    return tuple(_row(key, found[key], facts.moments) for key in keys)


def headlines(facts: Facts) -> tuple[Headline, ...]:
    """The whole-benchmark numbers of the final moment."""
    mains: dict[str, Verdict] = {}
    for verdict in sorted(facts.verdicts.get(facts.final, ()), key=lambda v: v.subset != WHOLE):
        mains.setdefault(verdict.benchmark, verdict)
    return tuple(_headline(facts, verdict) for verdict in mains.values())


def moment_words(moment: str) -> str:
    """Moment → words for a column head."""
    if moment == BLIND:
        return "blind"
    return f"after {moment.removeprefix(AFTER)}" if moment.startswith(AFTER) else moment


def _row(key: Key, verdicts: dict[str, Verdict], moments: tuple[str, ...]) -> ScoreRow:
    latest = [verdicts[moment] for moment in sorted(verdicts, key=lambda m: (m != BLIND, moments.index(m)))][-1]
    trivial = latest.trivial
    return ScoreRow(
        benchmark=key[0],
        metric=key[1],
        subset=key[2],
        whole=key[2] == WHOLE,
        count=latest.count,
        unparsed=latest.unparsed,
        trivial="" if trivial is None else written(latest, trivial),
        trivial_at=100 * trivial if trivial is not None and latest.higher_is_better else 0.0,
        cells=tuple(_cell(verdicts[moment]) if moment in verdicts else None for moment in moments),
    )


def _cell(verdict: Verdict) -> Cell:
    scale = 100.0 if verdict.higher_is_better else 0.0
    interval = f"{written(verdict, verdict.low)} to {written(verdict, verdict.high)}"
    return Cell(
        written(verdict, verdict.value),
        interval,
        verdict.higher_is_better,
        *(scale * x for x in (verdict.value, verdict.low, verdict.high)),
    )


def _headline(facts: Facts, verdict: Verdict) -> Headline:
    key = (verdict.benchmark, verdict.metric, verdict.subset)
    same = {m: v for m in facts.moments for v in facts.verdicts[m] if (v.benchmark, v.metric, v.subset) == key}
    beside = [(moment_words(m), written(v, v.value)) for m, v in same.items() if m in (BEFORE, BLIND) and m != facts.final]
    if BLIND in same:
        better = verdict.value - same[BLIND].value
        gain = written(verdict, better if verdict.higher_is_better else -better)
        beside.append(("better for looking", gain))
    if verdict.trivial is not None:
        beside.append(("trivial guess", written(verdict, verdict.trivial)))
    return Headline(verdict.benchmark, verdict.metric, written(verdict, verdict.value), tuple(beside))

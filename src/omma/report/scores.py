"""Scores: verdicts of several moments or models → rows of one table, and the headline numbers above it."""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from omma.evaluate.accuracy import WHOLE
from omma.evaluate.table import ABSENT, Row, written
from omma.evaluate.table import score_rows as rows_of
from omma.evaluate.taxonomy import main_verdicts
from omma.report.facts import AFTER, BEFORE, BLIND, Facts
from omma.schema.verdict import Verdict

FEW = 8  # rows of subsets, or of harnesses, that stand in the table itself
BENCHMARKS = 4  # with more of them only main numbers, and the first of each harness, stand there
CARDS = 8
Kind = Literal["main", "more", "subset", "harness"]


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
    """One number: a cell per column, the trivial guess, and what was counted. `asked` is "50 of 9,000" where not all was asked."""

    benchmark: str
    metric: str
    subset: str
    variant: str
    kind: Kind
    asked: str
    unparsed: str
    trivial: str
    trivial_at: float
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Rows that stand open, and longer lists that are folded, each with the words on it."""

    columns: tuple[str, ...]
    rows: tuple[ScoreRow, ...]
    folded: tuple[tuple[str, tuple[ScoreRow, ...]], ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The number a reader looks for first, with what it has to be compared with."""

    benchmark: str
    metric: str
    value: str
    beside: tuple[tuple[str, str], ...]


def score_columns(facts: Facts) -> tuple[str, ...]:
    """Moments that are columns of the table: all of a run; of scores those that see, as the others stand beside them elsewhere."""
    return facts.moments if facts.is_run or not facts.seeing else facts.seeing


def score_table(facts: Facts) -> ScoreTable:
    """One row per number; of each benchmark the official whole ones first, then subsets, then other harnesses'."""
    columns = score_columns(facts)
    shown: list[ScoreRow] = []
    folded = []
    found = rows_of([facts.verdicts[moment] for moment in columns])
    many = len({row.benchmark for row in found}) > BENCHMARKS
    for benchmark, group in groupby(found, key=lambda row: row.benchmark):
        rows = [_row(facts, columns, row) for row in group]
        kept = _first(rows) if many else _few(rows)
        shown += kept
        if len(kept) < len(rows):
            folded.append((f"{benchmark}: all {len(rows)} numbers", tuple(rows)))
    return ScoreTable(columns, tuple(shown), tuple(folded))


def headlines(facts: Facts) -> tuple[Headline, ...]:
    """The main numbers of the final moment, of a run or of one model; none where there are too many to be headlines."""
    mains = main_verdicts(sorted(facts.verdicts.get(facts.final, ()), key=lambda v: v.subset != WHOLE))
    alone = facts.is_run or len(facts.seeing) == 1
    return tuple(_headline(facts, one) for one in mains.values()) if alone and len(mains) <= CARDS else ()


def moment_words(moment: str) -> str:
    """Moment → words for a column head."""
    return f"after {moment.removeprefix(AFTER)}" if moment.startswith(AFTER) else moment


def _kind(row: Row) -> Kind:
    if row.main:
        return "main"
    if row.variant:
        return "harness"
    return "more" if row.subset == WHOLE else "subset"


def _first(rows: list[ScoreRow]) -> list[ScoreRow]:
    """Rows of one benchmark → its main number, and the first of each harness."""
    return list({row.variant: row for row in reversed(rows) if row.kind in ("main", "harness")}.values())[::-1]


def _few(rows: list[ScoreRow]) -> list[ScoreRow]:
    """Rows of one benchmark → those, and all of each kind of which there are few."""
    counts, first = Counter(row.kind for row in rows), _first(rows)
    return [row for row in rows if counts[row.kind] <= FEW or row in first]


def _row(facts: Facts, columns: tuple[str, ...], row: Row) -> ScoreRow:
    pairs = [(moment, one) for moment, one in zip(columns, row.found, strict=True) if one is not None]
    moment, latest = sorted(pairs, key=lambda pair: facts.sights[pair[0]] == "picture")[-1]
    trivial = latest.trivial
    benchmark = facts.benchmark(moment, row.benchmark)
    part = benchmark is not None and 0 < latest.count == benchmark.limit < benchmark.size
    return ScoreRow(
        benchmark=row.benchmark,
        metric=row.metric + ("" if latest.higher_is_better else " ↓"),
        subset=row.subset,
        variant=row.variant,
        kind=_kind(row),
        asked=row.count + (f" of {benchmark.size:,}" if benchmark is not None and part else ""),
        unparsed=row.unparsed,
        trivial="" if trivial is None else written(latest, trivial),
        trivial_at=100 * trivial if trivial is not None and _is_bar(latest) else 0.0,
        cells=tuple(None if one is None else _cell(one) for one in row.found),
    )


def _cell(verdict: Verdict) -> Cell:
    ends = [written(verdict, end, verdict.value) for end in (verdict.low, verdict.high)]
    known = ABSENT not in ends
    at, low, high = (100 * value if math.isfinite(value) else 0.0 for value in (verdict.value, verdict.low, verdict.high))
    return Cell(written(verdict, verdict.value), " to ".join(ends) if known else "", _is_bar(verdict), at, low, high)


def _is_bar(verdict: Verdict) -> bool:
    return verdict.unit == "share" and verdict.higher_is_better and not math.isnan(verdict.value)


def _headline(facts: Facts, verdict: Verdict) -> Headline:
    key = (verdict.benchmark, verdict.metric, verdict.subset, verdict.variant)
    same = {m: v for m in facts.moments for v in facts.verdicts[m] if (v.benchmark, v.metric, v.subset, v.variant) == key}
    blind = facts.blind_of(facts.final, "grey")
    beside = [(m, same[m]) for m in (BEFORE, blind) if m in same and m != facts.final]
    told = [(BLIND if m == blind else m, written(v, v.value)) for m, v in beside]
    if blind in same:
        better = verdict.value - same[blind].value
        told.append(("better for looking", written(verdict, better if verdict.higher_is_better else -better, verdict.value)))
    if verdict.trivial is not None:
        told.append(("trivial guess", written(verdict, verdict.trivial)))
    return Headline(verdict.benchmark, verdict.metric, written(verdict, verdict.value), tuple(told))

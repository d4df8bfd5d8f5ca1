"""Spread: one operator's scores → their histogram, and what another threshold would drop: queries over stored scores.

Which side of its threshold an operator drops is said by the operator, in `done/curate.json`. It is believed where it fits what
happened: one that abstained, or that let some kinds stay, drops by more than its threshold.
"""

import math
from dataclasses import dataclass
from typing import Literal

from omma.report.browse.index import Index, Judge, Sign

BINS = 48
TAIL = 0.002  # share of scores beyond either edge that may be folded into the last bin, so that outliers do not flatten the rest
Side = Literal["below", "above", ""]
SIDES: dict[str, Side] = {"<": "below", ">": "above", "": ""}


@dataclass(frozen=True, slots=True)
class Spread:
    """Scores of one operator in bins: `stayed` and `dropped` by it; `below` and `beyond` lie outside of the edges.

    `side` is the side that it drops, empty where its threshold alone does not say. `with_threshold`: so does a score that equals
    the threshold. `spares_heldout`: held-out samples beyond the threshold stay.
    """

    operator: str
    threshold: float | None
    judged: int
    dropped: int
    least: float
    most: float
    edges: tuple[float, ...]
    stayed_counts: tuple[int, ...]
    dropped_counts: tuple[int, ...]
    below: int
    beyond: int
    side: Side
    with_threshold: bool
    spares_heldout: bool


@dataclass(frozen=True, slots=True)
class Instead:
    """What another threshold would do at this operator, all else as it was: how many it drops, how many of those stayed so far,
    how many come back that it dropped. Where no side is known, only how many scores lie `below`, `at` and `above` it."""

    threshold: float
    drops: int | None
    newly: int | None
    back: int | None
    below: int
    at: int
    above: int


def spread(index: Index, name: str) -> Spread:
    """Name of an operator → its scores. DataError if there is none."""
    judge = index.judge(name)
    s = judge.score
    mine, finite = "operator = ?", f"isfinite({s})"
    judged, dropped, least, most, low, high = index.ask(
        f"SELECT count(*), count(*) FILTER ({mine}), min({s}), max({s}), "
        f"quantile_cont({s}, {TAIL}), quantile_cont({s}, {1 - TAIL}) FROM entry WHERE {finite}",
        [name],
    )[0]
    sign = _believed(index, judge)
    side, with_threshold = SIDES[sign[:1]], sign.endswith("=")
    if not judged:
        return Spread(name, judge.threshold, 0, 0, 0.0, 0.0, (), (), (), 0, 0, side, with_threshold, judge.spares_heldout)
    low, high = _edges((least, most), (low, high), judge.threshold)
    width = (high - low) / BINS
    bins = f"CASE WHEN {s} < ? THEN -1 WHEN {s} > ? THEN {BINS} ELSE least(floor(({s} - ?) / ?)::INTEGER, {BINS - 1}) END"
    rows = index.ask(
        f"SELECT {bins} AS bin, count(*) FILTER (NOT ({mine})), count(*) FILTER ({mine}) FROM entry WHERE {finite} GROUP BY 1",
        [low, high, low, width, name, name],
    )
    counts = {number: (stayed, gone) for number, stayed, gone in rows}
    return Spread(
        name,
        judge.threshold,
        judged,
        dropped,
        least,
        most,
        tuple(low + width * number for number in range(BINS + 1)),
        tuple(counts.get(number, (0, 0))[0] for number in range(BINS)),
        tuple(counts.get(number, (0, 0))[1] for number in range(BINS)),
        sum(counts.get(-1, (0, 0))),
        sum(counts.get(BINS, (0, 0))),
        side,
        with_threshold,
        judge.spares_heldout,
    )


def instead(index: Index, told: Spread, threshold: float) -> Instead:
    """Spread + another threshold → what it would do."""
    s = index.judge(told.operator).score
    below, at, above = index.ask(
        f"SELECT count(*) FILTER ({s} < $1), count(*) FILTER ({s} = $1), count(*) FILTER ({s} > $1) FROM entry WHERE isfinite({s})",
        [threshold],
    )[0]
    if not told.side:
        return Instead(threshold, None, None, None, below, at, above)
    sign = {"below": "<", "above": ">"}[told.side] + "=" * told.with_threshold
    beyond = f"{s} {sign} {threshold!r}" + " AND NOT heldout" * told.spares_heldout
    drops, newly, back = index.ask(
        f"SELECT count(*) FILTER ({beyond}), count(*) FILTER ({beyond} AND operator <> ?), "
        f"count(*) FILTER (NOT ({beyond}) AND operator = ?) FROM entry WHERE isfinite({s})",
        [told.operator, told.operator],
    )[0]
    return Instead(threshold, drops, newly, back, below, at, above)


def _believed(index: Index, judge: Judge) -> Sign:
    """The sign that the operator says, if by it exactly those went that did."""
    if not judge.drops or judge.threshold is None or not math.isfinite(judge.threshold):
        return ""
    beyond = f"{judge.score} {judge.drops} {judge.threshold!r}" + " AND NOT heldout" * judge.spares_heldout
    query = f"SELECT count(*) FROM entry WHERE isfinite({judge.score}) AND ({beyond}) <> (operator = ?)"
    return judge.drops if index.ask(query, [judge.name])[0][0] == 0 else ""


def _edges(whole: tuple[float, float], most_of_it: tuple[float, float], threshold: float | None) -> tuple[float, float]:
    """Range to draw: all of it, unless few outliers would take more than half of it; the threshold always lies inside."""
    low, high = whole if whole[1] - whole[0] <= 2 * (most_of_it[1] - most_of_it[0]) else most_of_it
    if threshold is not None and math.isfinite(threshold):
        low, high = min(low, threshold), max(high, threshold)
    return (low, high) if low < high else (low - 0.5, low + 0.5)

"""Histogram: edges and counts of an operator's scores → bars of a small drawing with the threshold, which the page fills in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDE, HIGH, FOOT = 320, 96, 16  # of the drawing; the foot holds the numbers


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: its place in the drawing, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars, ticks as (x, words), and the place of the threshold (None: it has none). Heights are square roots of counts."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    threshold: float | None


def histogram(edges: Sequence[float], counts: Sequence[int], threshold: float | None) -> Histogram | None:
    """n + 1 edges, n counts → a drawing that the threshold lies in; None where there are no scores."""
    if not counts or len(edges) != len(counts) + 1:
        return None
    at_all = threshold is not None and math.isfinite(threshold)
    low, high = (min(edges[0], threshold), max(edges[-1], threshold)) if at_all and threshold is not None else (edges[0], edges[-1])
    span = high - low or 1.0

    def place(value: float) -> float:
        return round(WIDE * (value - low) / span, 2)

    most, room = max(counts), HIGH - FOOT - 4
    bars = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            height = round(max(1.5, room * math.sqrt(count / most)), 2)
            width = max(0.8, place(right) - place(left) - 0.8)
            bars.append(Bar(place(left), HIGH - FOOT - height, round(width, 2), height, f"{left:.4g} to {right:.4g}: {count:,}"))
    ticks = tuple((place(value), f"{value:.3g}") for value in (low, (low + high) / 2, high))
    return Histogram(tuple(bars), ticks, place(threshold) if at_all and threshold is not None else None)

"""Interval: scores → a bootstrap confidence interval of their mean, or of any function of sums (percentile method), seeded."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

Sums = Float[np.ndarray, "... terms"]

CELLS = 4_000_000  # draws held in memory at a time
FEW = 4_000  # distinct terms that are drawn as counts


def bootstrap(
    values: Sequence[float] | np.ndarray, seed: int, *, level: float = 0.95, resamples: int = 1000
) -> tuple[float, float]:
    """Scores → (low, high) that hold the mean of `level` of the resamples. No scores: (nan, nan); one: it twice."""
    scores = np.asarray(values, float)
    if scores.size == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(_means(scores, seed, resamples), [tail, 1 - tail])
    return float(low), float(high)


def paired(
    a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, seed: int, *, level: float = 0.95, resamples: int = 1000
) -> tuple[float, float]:
    """Scores of two models on the same samples in the same order → (low, high) of mean(a) − mean(b).

    The samples are drawn in pairs, so what makes a sample hard for both cancels out. AssertionError if the lengths differ.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    assert first.shape == second.shape, f"{first.shape} scores against {second.shape}"
    return bootstrap(first - second, seed, level=level, resamples=resamples)


def of_sums(
    terms: Float[np.ndarray, "units terms"] | Sequence[Sequence[float]],
    value: Callable[[Sums], Float[np.ndarray, "..."]],
    name: str,
    *,
    level: float = 0.95,
    resamples: int = 1000,
) -> tuple[float, float, float]:
    """What each unit adds + a function of the sums → (its value, low, high). Units are drawn whole; `name` seeds the draws.

    The result does not depend on the order of the units. A resample for which the function is not finite (nothing to
    divide by) is left out.
    """
    table, counts = np.unique(np.asarray(terms, float), axis=0, return_counts=True)
    exact = np.array([np.sum(column * counts) for column in table.T])
    random = np.random.default_rng(zlib.crc32(name.encode()))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = value(_sums(table, counts, random, resamples))
        found = float(value(exact))
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return found, float("nan"), float("nan")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return found, float(low), float(high)


def _sums(table: np.ndarray, counts: np.ndarray, random: np.random.Generator, resamples: int) -> np.ndarray:
    """Distinct terms and how often each occurs → sums of resamples (resamples, terms)."""
    total = int(counts.sum())
    if len(table) <= FEW:
        return random.multinomial(total, counts / total, size=resamples) @ table
    unit = np.repeat(np.arange(len(table)), counts)
    draws = (np.bincount(unit[random.integers(total, size=total)], minlength=len(table)) for _ in range(resamples))
    return np.stack([draw @ table for draw in draws])


def _means(scores: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Scores → means of resamples. Few distinct scores are drawn as counts, so a million 0/1 scores cost no more than ten."""
    random = np.random.default_rng(seed)
    distinct, counts = np.unique(scores, return_counts=True)
    few = 8 * len(distinct) <= scores.size
    rows = max(1, CELLS // (len(distinct) if few else scores.size))
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    if few:
        share = counts / scores.size
        return np.concatenate([random.multinomial(scores.size, share, size=size) @ distinct for size in sizes]) / scores.size
    return np.concatenate([scores[random.integers(scores.size, size=(size, scores.size))].mean(axis=1) for size in sizes])

"""Interval: per-sample scores → a bootstrap confidence interval of their mean (percentile method), seeded."""

from collections.abc import Sequence

import numpy as np

CELLS = 4_000_000  # draws held in memory at a time


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

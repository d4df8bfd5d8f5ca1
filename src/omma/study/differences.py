"""Differences: grid → means of arms over seeds and differences between arms, with intervals over seeds and questions.

Questions are drawn anew (bootstrap, the same draws for all arms). Seeds are few, and a bootstrap of two or three of them is far
too narrow; instead, what is left of the scores when the means of arms and of seeds are taken out tells how much a seed
matters (two-way layout without replication), and Student's t widens it for how few there are. With one seed nothing is
known of that: intervals are of the questions alone, and no difference is clear. Errors of both kinds are added, which errs
on the wide side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from omma.core.seeds import generator
from omma.study.grid import Grid

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of one arm over its seeds, and its 95% interval."""

    arm: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Score of `arm` less that of `other`, better being positive whatever the number, and its 95% interval.

    `clear`: zero also lies outside the interval that all differences asked for at once hold together at 95% (Bonferroni).
    """

    arm: str
    other: str
    value: float
    low: float
    high: float
    clear: bool


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard error of a mean over seeds, and what it was estimated from. NaN and 0 for a single seed."""

    error: float
    freedom: int


def estimates(grid: Grid) -> tuple[Estimate, ...]:
    """Grid → the mean of each arm, best first."""
    noise = mean_noise(grid)
    found = []
    for row, arm in enumerate(grid.arms):
        low, high = interval(grid.drawn[row].mean(axis=0), noise, LEVEL)
        found.append(Estimate(arm, float(grid.values[row].mean()), low, high))
    return tuple(sorted(found, key=lambda one: -grid.sign * one.value))


def differences(grid: Grid, pairs: Sequence[tuple[str, str]]) -> tuple[Difference, ...]:
    """Grid + pairs of arms → how much better the first of each pair is."""
    noise, strict = difference_noise(grid), 1 - (1 - LEVEL) / max(len(pairs), 1)
    found = []
    for arm, other in pairs:
        a, b = grid.row(arm), grid.row(other)
        drawn = grid.sign * (grid.drawn[a] - grid.drawn[b]).mean(axis=0)
        value = grid.sign * float((grid.values[a] - grid.values[b]).mean())
        (low, high), (least, most) = (interval(drawn, noise, level) for level in (LEVEL, strict))
        found.append(Difference(arm, other, value, low, high, clear=noise.freedom > 0 and (least > 0 or most < 0)))
    return tuple(found)


def all_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Names in an order → each pair once, the earlier first."""
    return [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]


def mean_noise(grid: Grid) -> Noise:
    """How far the mean of an arm would move with other seeds, taken as equal for all arms."""
    arms, seeds = grid.values.shape
    if seeds < 2:
        return Noise(math.nan, 0)
    freedom = arms * (seeds - 1)
    rest = grid.values - grid.values.mean(axis=1, keepdims=True)
    return Noise(math.sqrt(float((rest**2).sum()) / freedom / seeds), freedom)


def difference_noise(grid: Grid) -> Noise:
    """How far the difference of two arms would move with other seeds: what is left when arms and seeds are taken out."""
    arms, seeds = grid.values.shape
    if seeds < 2 or arms < 2:
        return Noise(math.nan, 0)
    freedom = (arms - 1) * (seeds - 1)
    by_arm, by_seed = grid.values.mean(axis=1, keepdims=True), grid.values.mean(axis=0, keepdims=True)
    rest = grid.values - by_arm - by_seed + grid.values.mean()
    return Noise(math.sqrt(2 * float((rest**2).sum()) / freedom / seeds), freedom)


def interval(drawn: Float[np.ndarray, "draws"], noise: Noise, level: float) -> tuple[float, float]:
    """Draws over questions + noise of seeds → the middle `level` of both together."""
    if noise.freedom:
        drawn = drawn + noise.error * generator(0, "seeds").standard_t(noise.freedom, size=len(drawn))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""Mixture: numbers → two Gaussians (expectation maximisation), and the probability that a number is of the upper one.

DivideMix (Li et al. 2020, arXiv 2002.07394; LiJunnan1992/DivideMix, Train_cifar.py) takes losses to the unit interval, fits two
components with a variance of 5e-4 added to each, and calls the one with the lower mean clean. There ten steps are made
from random starts; here steps go on until nothing changes, from a start that numbers alone decide.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from omma.core.errors import DataError

ADDED = 5e-4  # to variances, where all numbers lie between 0 and 1
NEAR, STEPS = 1e-9, 1000  # change of the mean log-likelihood at which steps end, and their most
Values = Float64[np.ndarray, "n"]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Two components, the lower first, in the unit of the numbers that were fitted; `gain` is BIC of one less BIC of two."""

    share: Values
    mean: Values
    variance: Values
    gain: float

    def upper(self, values: Values) -> Values:
        """Numbers → the probability that each is of the upper component, which never falls as the number rises.

        Where one component is wider it would be likelier again far out on the other side: beyond the turning point its value
        there counts. NaN stays.
        """
        below, above = self.variance
        if below != above:
            turn = (self.mean[0] * above - self.mean[1] * below) / (above - below)
            values = np.maximum(values, turn) if above > below else np.minimum(values, turn)
        lower, upper = _densities(values, self.share, self.mean, self.variance)
        return 1.0 / (1.0 + np.exp(np.clip(lower - upper, -700, 700)))


def fit_mixture(values: Values) -> Mixture:
    """At least two different numbers, in any order → their mixture. DataError for fewer, or for infinite ones.

    It starts with the lower and the upper half of the sorted numbers as components.
    """
    if not np.isfinite(values).all() or len(np.unique(values)) < 2:
        raise DataError("mixture", f"{len(np.unique(values))} different numbers or infinite ones", "at least two, all finite")
    low, high = float(values.min()), float(values.max())
    scaled = np.sort((values - low) / (high - low))  # sorted, so that sums do not depend on the order
    half = len(scaled) // 2
    upper = (np.arange(len(scaled)) >= half).astype(np.float64)
    before = -np.inf
    for _ in range(STEPS):
        share, mean, variance = _components(scaled, upper)
        below, above = _densities(scaled, share, mean, variance)
        whole = np.logaddexp(below, above)
        upper = np.exp(above - whole)
        likelihood = float(whole.mean())
        if abs(likelihood - before) < NEAR:
            break
        before = likelihood
    order = np.argsort(mean, kind="stable")
    gain = _single(scaled) - (5 * np.log(len(scaled)) - 2 * float(whole.sum()))
    scale = high - low
    return Mixture(share[order], mean[order] * scale + low, variance[order] * scale**2, gain)


def _components(scaled: Values, upper: Values) -> tuple[Values, Values, Values]:
    """Numbers and their weights in the second component → shares, means and variances of both."""
    weights = np.stack([1 - upper, upper])
    total = weights.sum(axis=1) + 10 * np.finfo(np.float64).eps
    mean = weights @ scaled / total
    spread = (weights * (scaled - mean[:, None]) ** 2).sum(axis=1) / total + ADDED
    return total / len(scaled), mean, spread


def _densities(values: Values, share: Values, mean: Values, variance: Values) -> Float64[np.ndarray, "2 n"]:
    """Numbers → log of share times density, by component."""
    apart = (values - mean[:, None]) ** 2 / variance[:, None]
    return np.log(share)[:, None] - 0.5 * (apart + np.log(2 * np.pi * variance)[:, None])


def _single(scaled: Values) -> float:
    """BIC of one Gaussian."""
    one = np.ones(1)
    whole = _densities(scaled, one, scaled.mean() * one, (scaled.var() + ADDED) * one)
    return float(2 * np.log(len(scaled)) - 2 * whole.sum())

"""Forecast: scores of variants of data at several sizes → a curve each, what twice the rows give, what a filter is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from omma.core.errors import ConfigError
from omma.core.seeds import generator
from omma.study.curves import FEWEST, Curve, Law, fit, held_out_error
from omma.study.differences import LEVEL, Noise, mean_noise
from omma.study.grid import Grid

LAWS: tuple[Law, ...] = ("loglinear", "power")  # the simplest first


@dataclass(frozen=True, slots=True)
class Span:
    """A number with its 95% interval; infinite where a curve never gets there."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """One variant's curve. `best` was fitted to the means (one row), `drawn` to draws over questions and seeds.

    `doubling` is what is lost less with twice the rows of the largest size, `halving` how many times the rows halve what a power
    law still loses above its floor (NaN of the other law), `worth` how many times the largest size the first variant
    needs to score as this one does there (1 of the first itself). Their intervals know of noise, not of a law that does not
    hold: compare them with what the law missed held-out sizes by.
    """

    variant: str
    best: Curve
    drawn: Curve
    doubling: Span
    halving: Span
    worth: Span


@dataclass(frozen=True, slots=True)
class Forecast:
    """One number of all variants. `lost` holds means (variants, sizes); `errors` is what each law missed unseen sizes by."""

    grid: Grid
    variants: tuple[str, ...]
    sizes: tuple[int, ...]
    law: Law
    errors: dict[Law, float]
    lost: Float[np.ndarray, "variants sizes"]
    fitted: tuple[Fitted, ...]


def forecast(grid: Grid, variants: Sequence[str], sizes: Sequence[int]) -> Forecast:
    """Grid whose arms are all variants at all sizes, variant by variant → curves of one law, the one with the least held-out error.

    Of laws that no size can be held out of, the simplest is taken. ConfigError for a single size.
    """
    if len(sizes) < FEWEST["loglinear"]:
        raise ConfigError("--sizes", f"{len(sizes)} size", "two or more", "give for example --sizes 1000,3000,10000,30000")
    x, shape = np.array(sizes, float), (len(variants), len(sizes))
    floor = 0.0 if grid.unit == "share" or not grid.higher_is_better else -math.inf
    lost = _lost(grid, grid.values.mean(axis=1)).reshape(shape)
    drawn = _drawn(grid).reshape(*shape, -1)
    errors = {law: _together([held_out_error(law, x, row, floor) for row in lost]) for law in LAWS}
    law = min(LAWS, key=lambda one: (math.isnan(errors[one]), errors[one]))
    best = [fit(law, x, row[None], floor) for row in lost]
    clouds = [fit(law, x, rows.T, floor) for rows in drawn]
    fitted = [_fitted(name, best[i], clouds[i], best[0], clouds[0], x[-1]) for i, name in enumerate(variants)]
    return Forecast(grid, tuple(variants), tuple(sizes), law, errors, lost, tuple(fitted))


def span(value: float, drawn: np.ndarray) -> Span:
    """Value + draws of it → the value with its interval."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return Span(value, float(low), float(high))


def _fitted(name: str, best: Curve, drawn: Curve, base: Curve, base_drawn: Curve, largest: float) -> Fitted:
    less, cloud = (curve.at(largest) - curve.at(2 * largest) for curve in (best, drawn))
    worth = [one.size_for(own.at(largest)) / largest for own, one in ((best, base), (drawn, base_drawn))]
    halving = [2 ** (1 / one.parameters[:, 2]) if one.law == "power" else np.full(1, math.nan) for one in (best, drawn)]
    return Fitted(
        name,
        best,
        drawn,
        span(float(less[0]), cloud),
        span(float(halving[0][0]), halving[1]),
        Span(1.0, 1.0, 1.0) if best is base else span(float(worth[0][0]), worth[1]),
    )


def _lost(grid: Grid, values: np.ndarray) -> np.ndarray:
    """Scores → what is lost: 1 less a share, a loss as it is, points that should be high with their sign turned."""
    if not grid.higher_is_better:
        return values
    return 1 - values if grid.unit == "share" else -values


def _drawn(grid: Grid) -> Float[np.ndarray, "arms draws"]:
    """What each arm loses in draws over questions, each with its own error of seeds."""
    found, noise = _lost(grid, grid.drawn.mean(axis=1)), mean_noise(grid)
    return found + _moved(noise, found.shape) if noise.freedom else found


def _moved(noise: Noise, shape: tuple[int, ...]) -> np.ndarray:
    return noise.error * generator(0, "seeds of cells").standard_t(noise.freedom, size=shape)


def _together(errors: Sequence[float]) -> float:
    return math.sqrt(sum(error**2 for error in errors) / len(errors))

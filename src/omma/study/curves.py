"""Curves: scores at several sizes of data → the law that tells a size that it has not seen best, with its parameters.

Two laws, of what is lost (a loss, or 1 less a share, so that less is better):
    power      y = c + a · n^−b    with a ≥ 0 and 0.02 ≤ b ≤ 4 (and c ≥ 0 where nothing below 0 can be lost)
    loglinear  y = p − q · ln n    the same amount for every doubling
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Law = Literal["power", "loglinear"]
Sizes = Float[np.ndarray, "sizes"]
Lost = Float[np.ndarray, "draws sizes"]
Parameters = Float[np.ndarray, "draws parameters"]
POWERS = np.geomspace(0.02, 4.0, 240)
FEWEST: dict[Law, int] = {"power": 3, "loglinear": 2}  # sizes that a law can be fitted to


@dataclass(frozen=True, slots=True)
class Curve:
    """A law with its parameters, one row a draw: (c, a, b) of `power`, (p, q) of `loglinear`."""

    law: Law
    parameters: Parameters

    def at(self, size: float | Float[np.ndarray, "draws"]) -> Float[np.ndarray, "draws"]:
        """Size (one, or one a draw) → what is lost there, one value a draw."""
        if self.law == "power":
            c, a, b = self.parameters.T
            return c + a * np.power(size, -b)
        p, q = self.parameters.T
        return p - q * np.log(size)

    def size_for(self, lost: float | Float[np.ndarray, "draws"]) -> Float[np.ndarray, "draws"]:
        """What is lost → the size at which it is, infinite where the law never gets there."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.law == "power":
                c, a, b = self.parameters.T
                found = np.power((lost - c) / a, -1 / b)
                return np.where((lost > c) & (a > 0), found, np.inf)
            p, q = self.parameters.T
            return np.where(q > 0, np.exp((p - lost) / q), np.inf)


def fit(law: Law, sizes: Sizes, lost: Lost, floor: float) -> Curve:
    """Sizes + what was lost at each (one row a draw) → the least-squares curve of each draw; c is at least `floor`."""
    assert len(sizes) >= FEWEST[law], f"{len(sizes)} sizes for {law}"
    return Curve(law, _power(sizes, lost, floor) if law == "power" else _loglinear(sizes, lost))


def held_out_error(law: Law, sizes: Sizes, lost: Sizes, floor: float) -> float:
    """Root mean square error of each size but the smallest, told from all others. NaN where too few are left to fit."""
    if len(sizes) - 1 < FEWEST[law]:
        return float("nan")
    errors = []
    for place in range(1, len(sizes)):
        rest = np.arange(len(sizes)) != place
        curve = fit(law, sizes[rest], lost[None, rest], floor)
        errors.append(float(curve.at(float(sizes[place]))[0]) - float(lost[place]))
    return float(np.sqrt(np.mean(np.square(errors))))


def _loglinear(sizes: Sizes, lost: Lost) -> Parameters:
    p, q = _line(np.log(sizes)[None], lost)
    return np.stack([p, -q], axis=1)


def _power(sizes: Sizes, lost: Lost, floor: float) -> Parameters:
    """For each power of a fine grid the best c and a are known in closed form; the best power wins."""
    x = np.power(sizes, -POWERS[:, None])  # (powers, sizes)
    c, a = _bounded_line(x, lost, floor)  # (draws, powers)
    rest = lost[:, None] - c[..., None] - a[..., None] * x
    best = (rest**2).sum(axis=-1).argmin(axis=1)
    draws = np.arange(len(lost))
    return np.stack([c[draws, best], a[draws, best], POWERS[best]], axis=1)


def _bounded_line(
    x: Float[np.ndarray, "powers sizes"], y: Lost, floor: float
) -> tuple[Float[np.ndarray, "draws powers"], Float[np.ndarray, "draws powers"]]:
    """The best y = c + a·x with c ≥ floor and a ≥ 0: inside, or on the edge that is nearer."""
    c, a = _lines(x, y)
    on_floor = np.maximum(((y - floor) @ x.T) / (x**2).sum(axis=1), 0.0) if np.isfinite(floor) else a
    c, a = np.where(c < floor, floor, c), np.where(c < floor, on_floor, a)
    level = np.maximum(y.mean(axis=1), floor)[:, None]
    return np.where(a < 0, level, c), np.maximum(a, 0.0)


def _lines(x: Float[np.ndarray, "powers sizes"], y: Lost) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of every row of y on every row of x."""
    inside = x - x.mean(axis=1, keepdims=True)
    slope = (y @ inside.T) / (inside**2).sum(axis=1)
    return y.mean(axis=1, keepdims=True) - slope * x.mean(axis=1), slope


def _line(x: Float[np.ndarray, "1 sizes"], y: Lost) -> tuple[np.ndarray, np.ndarray]:
    start, slope = _lines(x, y)
    return start[:, 0], slope[:, 0]

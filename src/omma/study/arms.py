"""Arms: data sets → what is trained on what, to tell what each of them is worth. One model is trained for each arm and seed.

Quick, composition and incremental evaluations are SAIL-VL's (arXiv 2501.05952): each set alone on a subset of equal size; all
together with one of them halved; one more at a time. Reading the same data in the order of its quality is its curriculum.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from omma.core.seeds import generator


@dataclass(frozen=True, slots=True)
class Portion:
    """So many rows of one data set."""

    data: str
    rows: int


@dataclass(frozen=True, slots=True)
class Arm:
    """What one model is trained on. `courses` are the data sets that each part of the last stage reads, in order.

    One course is all that most arms have: everything at once, each set by its number of rows. With several courses each
    part has as many steps, and the sets of one course are read in equal shares.
    """

    name: str
    portions: tuple[Portion, ...]
    courses: tuple[tuple[str, ...], ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all portions."""
        return sum(portion.rows for portion in self.portions)


@dataclass(frozen=True, slots=True)
class Trial:
    """One arm trained from one seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{slug(self.arm.name)}-s{self.seed}"


def quick(rows: dict[str, int], most: int = 0) -> tuple[Arm, ...]:
    """Rows of each set → each set alone, all cut to the size of the smallest (or to `most`, if that is less)."""
    size = min([*rows.values(), *([most] if most else [])])
    return tuple(Arm(name, (Portion(name, size),)) for name in rows)


def composition(rows: dict[str, int], most: int = 0) -> tuple[Arm, ...]:
    """Rows of each set → all sets together, then the same with each of them halved in turn. `most` bounds the rows of each."""
    whole = _bounded(rows, most)
    arms = [Arm("all", _portions(whole))]
    for name in rows:
        arms.append(Arm(f"half {name}", _portions(whole | {name: max(whole[name] // 2, 1)})))
    return tuple(arms)


def joined(names: Sequence[str], rows: dict[str, int], most: int = 0) -> Arm:
    """Names of sets → the arm that is trained on all of them: one step of an incremental evaluation."""
    whole = _bounded(rows, most)
    return Arm("+".join(names), _portions({name: whole[name] for name in names}))


def order(rows: dict[str, int], most: int = 0) -> tuple[Arm, ...]:
    """Rows of each set, in an order → all sets mixed, one after the other in that order, and in reverse: the same rows."""
    whole, names = _portions(_bounded(rows, most)), tuple(rows)
    forth = tuple((name,) for name in names)
    return (
        Arm("mixed", whole, (names,) * len(names)),
        Arm("in order", whole, forth),
        Arm("in reverse", whole, forth[::-1]),
    )


def sizes(rows: dict[str, int], wanted: Sequence[int]) -> tuple[Arm, ...]:
    """Rows of each variant, sizes → each variant at each size."""
    return tuple(Arm(f"{name} {size}", (Portion(name, size),)) for name in rows for size in wanted)


def chosen(count: int, wanted: int, seed: int, name: str) -> Int64[np.ndarray, "wanted"]:
    """`wanted` of `count` rows of the set `name`, ascending. Of one seed, fewer rows are always among more."""
    return np.sort(generator(seed, "rows", name).permutation(count)[:wanted])


def slug(name: str) -> str:
    """Name of an arm → name of a folder."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name)


def _bounded(rows: dict[str, int], most: int) -> dict[str, int]:
    return {name: min(count, most) if most else count for name, count in rows.items()}


def _portions(rows: dict[str, int]) -> tuple[Portion, ...]:
    return tuple(Portion(name, count) for name, count in rows.items())

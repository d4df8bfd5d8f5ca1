"""class_cap: samples beyond a number of each class → dropped. Score: how many of the same class stand before it.

The class is the sample's task, source or a field of its meta. Within a class the order is drawn by seed from content hashes,
then from ids: no order of the input changes it. A larger cap keeps all that a smaller one kept.
"""

from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Int64

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Places, standing, word


@config
class ClassCap(SetOperator):
    """At most `max_count` training samples of each value of `field`; those without a value are a class too."""

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">="
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("field", "seed")
    field: str = "task"
    max_count: int = 10_000
    seed: int = 0

    def check(self) -> None:
        if self.max_count < 0:
            raise ConfigError("ClassCap.max_count", str(self.max_count), "0 or more")

    @property
    def threshold(self) -> float:
        """Samples of a class that stay."""
        return float(self.max_count)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Place within the class; NaN for held-out samples."""
        places, heldout, classes, names = Places(), array("b"), array("q"), dict[str, int]()
        for candidate in candidates:
            places.add(candidate.sample)
            heldout.append(candidate.heldout)
            classes.append(names.setdefault(word(candidate, self.field), len(names)))
        values, classed, known = np.full(len(classes), np.nan), np.array(classes, np.int64), list(names)
        order = drawn_order(places, np.array(heldout, bool), self.seed)
        values[order] = standing(classed[order])
        notes = tuple("" if held else known[number] for number, held in zip(classes, heldout, strict=True))
        return Scores(values, notes)

    def decide(self, scores: Scores) -> list[str]:
        """Those with `max_count` or more of their class before them."""
        rows = zip(scores.values, scores.notes, strict=True)
        full = f"beyond {self.max_count:,} samples of {self.field} "
        return [full + repr(note) if value >= self.max_count else "" for value, note in rows]


def drawn_order(places: Places, heldout: Bool[np.ndarray, "samples"], seed: int) -> Int64[np.ndarray, "training"]:
    """Numbers of the training samples in an order drawn by seed from their contents."""
    order = places.order(places.draws(seed))
    return order[~heldout[order]]

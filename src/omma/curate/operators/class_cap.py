"""class_cap: samples beyond a number of each class → dropped. Score: how many of the same class stand before it.

The class is the sample's task, source or a field of its meta. Within a class the order is that of content hashes, then
of ids: a draw that no order of the input changes. A larger cap keeps all that a smaller one kept.
"""

import hashlib
from collections import Counter
from typing import ClassVar, Literal

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.columns import contents, word
from omma.curate.operator import Candidate, Scores, SetOperator


@config
class ClassCap(SetOperator):
    """At most `max_count` training samples of each value of `field`; those without a value are a class too."""

    version: ClassVar[str] = "1"
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

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Place within the class; NaN for held-out samples."""
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        seen: Counter[str] = Counter()
        for i in drawn_order(candidates, self.seed):
            notes[i] = word(candidates[i], self.field)
            values[i] = seen[notes[i]]
            seen[notes[i]] += 1
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those with `max_count` or more of their class before them."""
        rows = zip(scores.values, scores.notes, strict=True)
        full = f"beyond {self.max_count:,} samples of {self.field} "
        return [full + repr(note) if value >= self.max_count else "" for value, note in rows]


def drawn_order(candidates: tuple[Candidate, ...], seed: int) -> list[int]:
    """Numbers of the training samples in an order drawn by seed from their contents."""
    places = contents(candidates)
    train = [i for i, candidate in enumerate(candidates) if not candidate.heldout]
    return sorted(train, key=lambda i: (hashlib.sha256(f"{seed} {places[i][0]}".encode()).hexdigest(), places[i]))

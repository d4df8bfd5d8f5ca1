"""exact_hash: a sample with the same bytes and the same words as an earlier one → dropped. Score: how many came before it.

Questions about one picture differ in words, so they stay. A train sample equal to a held-out one goes, never the other; of equal
ones the first by id stays.
"""

from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np

from omma.core.config import config
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Places, standing


@config
class ExactHash(SetOperator):
    """Exact duplicates by content hash of pictures and hash of captions and turns."""

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False

    @property
    def threshold(self) -> float:
        """Earlier copies that a sample may have."""
        return 0.0

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Earlier copies of each; held-out samples come first."""
        places, heldout, ids = Places(), array("b"), list[str]()
        for candidate in candidates:
            places.add(candidate.sample)
            heldout.append(candidate.heldout)
            ids.append(candidate.sample.id)
        _, content = places.contents()
        alphabet = np.empty(len(ids), np.int64)
        alphabet[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        order = np.lexsort((alphabet, ~np.array(heldout, bool), content))
        values, first = np.zeros(len(ids)), np.zeros(len(ids), np.int64)
        values[order] = standing(content[order])
        first[content[order][::-1]] = order[::-1]  # of several numbers for one content the last is written: the first in order
        notes = tuple(ids[first[content[i]]] if values[i] else "" for i in range(len(ids)))
        return Scores(values, notes)

    def decide(self, scores: Scores) -> list[str]:
        """Every sample that has an earlier copy."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"same picture and words as {note}" if value > self.threshold else "" for value, note in pairs]

"""exact_hash: a sample with the same bytes and the same words as an earlier one → dropped. Score: how many came before it.

Questions about one picture differ in words, so they stay. A train sample equal to a held-out one goes, never the other.
"""

import hashlib
from typing import ClassVar, Literal

import numpy as np

from omma.core.config import config
from omma.curate.operator import Candidate, Scores, SetOperator
from omma.schema.sample import Sample


@config
class ExactHash(SetOperator):
    """Exact duplicates by content hash of pictures and hash of captions and turns."""

    version: ClassVar[str] = "1"
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False

    @property
    def threshold(self) -> float:
        """Earlier copies that a sample may have."""
        return 0.0

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Earlier copies of each; held-out samples come first."""
        first: dict[str, str] = {}
        count: dict[str, int] = {}
        values, notes = np.zeros(len(candidates)), [""] * len(candidates)
        for i in sorted(range(len(candidates)), key=lambda i: (not candidates[i].heldout, i)):
            sample = candidates[i].sample
            content = digest(sample)
            values[i] = count.get(content, 0)
            original = first.setdefault(content, sample.id)
            notes[i] = original if values[i] else ""
            count[content] = count.get(content, 0) + 1
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Every sample that has an earlier copy."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"same picture and words as {note}" if value > self.threshold else "" for value, note in pairs]


def digest(sample: Sample) -> str:
    """Sample → hash of what it shows and says, whatever its files and ids are called."""
    said = (sample.captions, sample.turns, sample.regions, sample.answer, sample.chosen, sample.rejected)
    shown = [item.sha256 or item.uri for item in sample.media]
    return hashlib.sha256(repr((shown, said)).encode()).hexdigest()

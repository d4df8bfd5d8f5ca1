"""concept_limit: samples of frequent concepts, thinned to a count t → dropped. Score: the least t that keeps a sample.

MetaCLIP (Xu et al. 2023, arXiv 2309.16671, algorithm 1; facebookresearch/MetaCLIP, metaclip1/balancing.py, t = 20,000):
a sample stays if any concept it mentions is drawn with probability t / max(count, t). Draws are hashes of content and
concept: equal for every order of the input, and a sample that stays at t stays at every larger t.
"""

from collections.abc import Collection
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores
from omma.curate.sets.concept_operator import Drawn


@config
class ConceptLimit(Drawn):
    """Balance at a count: a concept mentioned more than `max_count` times keeps about so many by its own draws."""

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">="
    max_count: int = 20_000

    def check(self) -> None:
        if self.max_count < 1:
            raise ConfigError("ConceptLimit.max_count", str(self.max_count), "1 or more")

    @property
    def threshold(self) -> float:
        """t, samples."""
        return float(self.max_count)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """The least draw × count over the concepts of each, below which t drops it."""
        values, notes, _ = self.draws(candidates)
        return Scores(values, notes)

    def decide(self, scores: Scores) -> list[str]:
        """Those whose every concept is drawn out, and those without a concept."""
        rows = zip(scores.values, scores.notes, self.stays_unmatched(scores), strict=True)
        return [f"drawn out, nearest to staying by {note}" if value >= self.max_count else none for value, note, none in rows]

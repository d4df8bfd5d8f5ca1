"""concept_balance: samples of frequent concepts, thinned to a tail share p → dropped. Score: the least p that keeps a sample.

MetaCLIP (Xu et al. 2023, arXiv 2309.16671, algorithm 1; facebookresearch/MetaCLIP, curation/curate.py, `p_to_t`): t is
the count at which concepts no more frequent make up the share p of all mentions; a sample stays if any concept it
mentions is drawn with probability t / max(count, t). Draws are hashes of content and concept: equal for every order of
the input, and a sample that stays at p stays at every larger p.
"""

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores
from omma.curate.sets.concept_operator import Drawn
from omma.curate.sets.metadata_sql import tail_shares


@config
class ConceptBalance(Drawn):
    """Balance at a share of the tail; MetaCLIP's own is 0.1 where it is not a count."""

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">="
    tail_share: float = 0.1

    def check(self) -> None:
        if not 0 < self.tail_share <= 1:
            raise ConfigError("ConceptBalance.tail_share", str(self.tail_share), "a share above 0, at most 1")

    @property
    def threshold(self) -> float:
        """Share of all mentions that rare concepts make up."""
        return self.tail_share

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """The tail share above which each stays; 0: at any."""
        values, notes, counts = self.draws(candidates)
        judged = ~np.isnan(values)
        values[judged] = tail_shares(counts, values[judged]) if judged.any() else 0.0
        return Scores(values, notes)

    def decide(self, scores: Scores) -> list[str]:
        """Those whose every concept is drawn out, and those without a concept."""
        rows = zip(scores.values, scores.notes, self.stays_unmatched(scores), strict=True)
        return [
            f"drawn out, nearest to staying by {note}" if value > 0 and value >= self.tail_share else none
            for value, note, none in rows
        ]

"""inverse_frequency: samples that a weighted draw of a share does not reach → dropped. Score: a sample's place in the draw.

LLaVA-OneVision-1.5 (An et al. 2025, arXiv 2509.23661): a sample's weight is the sum of 1 / count over its `top` first
concepts, as they stand in the text; the paper gives no K. Drawn without replacement (Efraimidis and Spirakis 2006): the
place is by -ln(u) / weight, u a hash of the content, so that a larger share keeps all that a smaller one kept.
"""

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores
from omma.curate.sets.concept_operator import ConceptOperator


@config
class InverseFrequency(ConceptOperator):
    """Samples of rare concepts are likelier to stay. `keep_share` is of those that mention a concept."""

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">="
    scored_by: ClassVar[tuple[str, ...]] = ("concepts", "top")
    keep_share: float = 0.5
    top: int = 5

    def check(self) -> None:
        if not 0 < self.keep_share <= 1:
            raise ConfigError("InverseFrequency.keep_share", str(self.keep_share), "a share above 0, at most 1")
        if self.top < 1:
            raise ConfigError("InverseFrequency.top", str(self.top), "1 or more concepts a sample")

    @property
    def threshold(self) -> float:
        """Share that stays."""
        return self.keep_share

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Share of the draw that came before each: 0 for the first."""
        found = self.mentions(candidates, most=self.top)
        samples, concepts, counts = np.array(found.samples, np.int64), np.array(found.concepts, np.int64), found.counts
        size, notes = len(found.heldout), found.blank_notes
        by_count = np.lexsort((concepts, counts[concepts], samples))  # sums do not depend on the order of words
        weights = np.bincount(samples, 1 / counts[concepts[by_count]], size) if len(samples) else np.zeros(size)
        judged, first = np.unique(samples, return_index=True)
        uniform = ((found.places.draws(0) >> np.uint64(11)).astype(np.float64) + 1) / 2**53
        late = np.full(size, np.inf)
        late[judged] = -np.log(uniform[judged]) / weights[judged]
        values = np.full(size, np.nan)
        values[found.places.order(late)[: len(judged)]] = np.arange(len(judged)) / max(len(judged), 1)
        for i, rarest in zip(judged.tolist(), concepts[by_count][first].tolist(), strict=True):
            notes[i] = f"weight {weights[i]:.3g}, rarest {found.names[rarest]} ({counts[rarest]:,} times)"
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those that the draw did not reach, and those without a concept."""
        rows = zip(scores.values, scores.notes, self.stays_unmatched(scores), strict=True)
        return [f"not drawn: {note}" if value >= self.keep_share else none for value, note, none in rows]

"""inverse_frequency: samples that a weighted draw of a share does not reach → dropped. Score: a sample's place in the draw.

LLaVA-OneVision-1.5 (An et al. 2025, arXiv 2509.23661): a sample's weight is the sum of 1 / count over its `top` first
concepts, as they stand in the text; the paper gives no K. Drawn without replacement (Efraimidis and Spirakis 2006): the
place is by -ln(u) / weight, u a hash of the content, so that a larger share keeps all that a smaller one kept.
"""

import hashlib
from collections import Counter
from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.columns import contents
from omma.curate.concept_operator import UNMATCHED, ConceptOperator
from omma.curate.operator import Candidate, Scores


@config
class InverseFrequency(ConceptOperator):
    """Samples of rare concepts are likelier to stay. `keep_share` is of those that mention a concept."""

    version: ClassVar[str] = "1"
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

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Share of the draw that came before each: 0 for the first."""
        named = [names[: self.top] for names in self.matches(candidates)]
        counts = Counter(name for names in named for name in names)
        places = contents(candidates)
        judged = [i for i, names in enumerate(named) if names]
        weights = {i: sum(1 / counts[name] for name in sorted(named[i])) for i in judged}
        judged.sort(key=lambda i: (-np.log(_uniform(places[i][0])) / weights[i], places[i]))
        values = np.full(len(candidates), np.nan)
        values[judged] = np.arange(len(judged)) / max(len(judged), 1)
        notes = ["" if candidate.heldout else UNMATCHED for candidate in candidates]
        for i in judged:
            rarest = min(named[i], key=lambda name: (counts[name], name))
            notes[i] = f"weight {weights[i]:.3g}, rarest {rarest} ({counts[rarest]:,} times)"
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those that the draw did not reach, and those without a concept."""
        rows = zip(scores.values, scores.notes, self.stays_unmatched(scores), strict=True)
        return [f"not drawn: {note}" if value >= self.keep_share else none for value, note, none in rows]


def _uniform(content: str) -> float:
    """Content → a number above 0, at most 1."""
    return ((int.from_bytes(hashlib.sha256(f"draw {content}".encode()).digest()[:8]) >> 11) + 1) / 2**53

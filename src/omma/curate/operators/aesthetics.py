"""aesthetics: a picture that a head over a model's vectors finds ugly → dropped. Score: about 1 to 10, the lowest counts.

LAION-Aesthetics: a head over CLIP ViT-L/14's unit vectors that was fitted to ratings by people from 1 to 10
(christophschuhmann/improved-aesthetic-predictor); its subsets of LAION-2B begin above 4.5, 5 and 6.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.head_operator import HeadOperator
from omma.curate.operator import Drops, Judged
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Aesthetics(HeadOperator):
    """`head` is a file of one of the layouts in `curate/models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_score: float = 4.5

    @property
    def threshold(self) -> float:
        """Lowest score that stays."""
        return self.min_score

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the lowest score of their pictures. CheckpointError or ConfigError without model or head."""
        return self.of_pictures(samples, store, min)

    def decide(self, score: float) -> str:
        """Below `min_score`."""
        return f"aesthetic score {score:.2f}, below {self.min_score:g}" if score < self.min_score else ""

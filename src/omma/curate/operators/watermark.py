"""watermark: a picture that a head over a model's vectors takes for watermarked → dropped. Score: probability, the highest counts.

LAION-5B keeps such a number as `pwatermark` and its subsets for aesthetics drop 0.8 and above. The detector that LAION released is
a convolutional network over pixels (LAION-AI/LAION-5B-WatermarkDetection), no head over vectors: one is to be fitted. Where data
sets bring `pwatermark` along, `Quantile(column="pwatermark", best="lowest")` reads it from `meta`.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.head_operator import ProbabilityOperator
from omma.curate.operator import Judged
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Watermark(ProbabilityOperator):
    """`head` is a file of one of the layouts in `curate/models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"
    max_score: float = 0.8

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the highest probability of their pictures. CheckpointError or ConfigError without model or head."""
        return self.of_pictures(samples, store, max)

    def decide(self, score: float) -> str:
        """From `max_score` on."""
        return self.said("watermarked", score)

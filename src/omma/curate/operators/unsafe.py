"""unsafe: a picture that a head over a model's vectors takes for unsafe → dropped. Score: probability, the highest counts.

LAION's detector of what is not safe for work is such a head (LAION-AI/CLIP-based-NSFW-Detector: over ViT-L/14 and B/32 as
Keras models, over H/14 as h14_nsfw.pth). LAION-5B keeps its number as `punsafe`; 0.5 and above goes there, in Data-Juicer
and in NeMo Curator.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.head import Head
from omma.curate.models.head_operator import ProbabilityOperator
from omma.curate.operator import Judged
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Unsafe(ProbabilityOperator):
    """`head` is a file of one of the layouts in `curate/models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"
    head: Head = Head(between="relu", output="sigmoid")

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the highest probability of their pictures. CheckpointError or ConfigError without model or head."""
        return self.of_pictures(samples, store, max)

    def decide(self, score: float) -> str:
        """From `max_score` on."""
        return self.said("unsafe", score)

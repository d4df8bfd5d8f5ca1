"""unsafe: a picture that a head over a model's vectors takes for unsafe → dropped. Score: probability, the highest counts.

LAION's detector of what is not safe for work is such a head (LAION-AI/CLIP-based-NSFW-Detector: over ViT-L/14 and B/32 as
Keras models, over H/14 as h14_nsfw.pth). LAION-5B keeps its number as `punsafe`; 0.5 and above goes there, in Data-Juicer
and in NeMo Curator.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.head import Head
from omma.curate.models.head_operator import HeadOperator
from omma.curate.operator import Drops, Judged
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Unsafe(HeadOperator):
    """`head` is a file of one of the layouts in `curate/models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">="
    head: Head = Head(between="relu", output="sigmoid")
    max_score: float = 0.5

    def check(self) -> None:
        if not 0 <= self.max_score <= 1:
            raise ConfigError("Unsafe.max_score", str(self.max_score), "a probability from 0 to 1")

    @property
    def threshold(self) -> float:
        """Probability from which on samples go."""
        return self.max_score

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the highest probability of their pictures. CheckpointError or ConfigError without model or head."""
        return self.of_pictures(samples, store, max)

    def decide(self, score: float) -> str:
        """From `max_score` on."""
        return f"unsafe with probability {score:.3f}, {self.max_score:g} or more" if score >= self.max_score else ""

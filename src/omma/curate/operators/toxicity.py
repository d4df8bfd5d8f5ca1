"""toxicity: a text that a head over a model's vectors of words takes for toxic → dropped. Score: probability, the highest counts.

The form of classifiers over frozen text vectors; the head is to be brought. `flagged_words` is the operator without a model.
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
class Toxicity(HeadOperator):
    """Captions and replies, one by one. `head` is a file of one of the layouts in `models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">="
    head: Head = Head(output="sigmoid")
    max_score: float = 0.5

    def check(self) -> None:
        if not 0 <= self.max_score <= 1:
            raise ConfigError("Toxicity.max_score", str(self.max_score), "a probability from 0 to 1")

    @property
    def threshold(self) -> float:
        """Probability from which on samples go."""
        return self.max_score

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the highest probability of their texts. CheckpointError or ConfigError without model or head."""
        return self.of_words(samples, store, max)

    def decide(self, score: float) -> str:
        """From `max_score` on."""
        return f"toxic with probability {score:.3f}, {self.max_score:g} or more" if score >= self.max_score else ""

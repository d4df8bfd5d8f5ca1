"""toxicity: a text that a head over a model's vectors of words takes for toxic → dropped. Score: probability, the highest counts.

The form of classifiers over frozen text vectors; the head is to be brought. `flagged_words` is the operator without a model.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.head_operator import ProbabilityOperator
from omma.curate.operator import Judged
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Toxicity(ProbabilityOperator):
    """Captions and replies, one by one. `head` is a file of one of the layouts in `models/head.py`, over the model's space."""

    version: ClassVar[str] = "1"

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → the highest probability of their texts. CheckpointError or ConfigError without model or head."""
        return self.of_words(samples, store, max)

    def decide(self, score: float) -> str:
        """From `max_score` on."""
        return self.said("toxic", score)

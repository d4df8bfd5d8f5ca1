"""difficulty: a question that a model always or never answers → dropped. Score: share of its answers that are right.

The pass rate of several drawn answers, marked by a metric. Of questions that are always or never answered rightly,
reinforcement learning by groups learns nothing (DAPO, Yu et al. 2025, arXiv 2503.14476, keeps 0 < share < 1), which is the default.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.answering import Answering
from omma.curate.operator import Drops
from omma.generate.reply import Reply
from omma.schema.sample import Sample


@config
class Difficulty(Answering):
    """Kept is above `above` and below `below`. Partly right answers (VQA's thirds) count with their share."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<="
    above: float = 0.0
    below: float = 1.0

    def check(self) -> None:
        super().check()
        if not self.above < self.below:
            raise ConfigError("Difficulty", f"above {self.above}, below {self.below}", "room between them")

    @property
    def threshold(self) -> float:
        """Share that is too low; the reason names which end it was."""
        return self.above

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """Mean score of the answers."""
        marks = self.marks(sample, replies)
        return math.fsum(mark.score for mark in marks) / len(marks)

    def decide(self, score: float) -> str:
        """At or beyond either end."""
        if math.isnan(score) or self.above < score < self.below:
            return ""
        return f"answered rightly {score:.0%} of the time, not {'above' if score <= self.above else 'below'} " + (
            f"{self.above:.0%}" if score <= self.above else f"{self.below:.0%}"
        )

"""answer_agreement: an answer that a model's answers do not bear out → dropped. Score: lead of it over any other answer.

Several answers are drawn and marked by a metric; the sample stays if more of them agree with its own answer than with any one
other (self-consistency, Wang et al. 2022, arXiv 2203.11171, turned on the annotation). Wrong annotations, and questions beyond
the model, go.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.answering import RIGHT, Answering, most_said
from omma.curate.operator import Drops
from omma.generate.reply import Reply
from omma.schema.sample import Sample


@config
class AnswerAgreement(Answering):
    """Score: share of answers that agree less the share of the most frequent other one, from -1 to 1. It must be above `lead`.

    Answers that the metric cannot read agree with nothing.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<="
    lead: float = 0.0

    def check(self) -> None:
        super().check()
        if not -1 <= self.lead < 1:
            raise ConfigError("AnswerAgreement.lead", str(self.lead), "from -1 to below 1")

    @property
    def threshold(self) -> float:
        """Lead that does not do."""
        return self.lead

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """Lead of the sample's own answer."""
        marks = self.marks(sample, replies)
        return (sum(mark.score >= RIGHT for mark in marks) - most_said(marks)) / len(marks)

    def decide(self, score: float) -> str:
        """A lead that is not above `lead`."""
        if math.isnan(score) or score > self.lead:
            return ""
        return f"its answer leads by {score:.0%} of the model's answers, not more than {self.lead:.0%}"

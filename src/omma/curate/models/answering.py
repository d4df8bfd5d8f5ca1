"""Answering: the part of an operator that asks a sample's own question several times and marks the answers by a metric."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import AskingOperator, Questions, asked_again
from omma.curate.models.replies import given
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.metric import Mark, Metric
from omma.metrics.text import Exact
from omma.schema.sample import Sample

RIGHT = 0.5  # score of an answer that counts as right


@config
class Answering(AskingOperator):
    """Samples whose question has accepted answers in words (`answer.texts`); others are not judged.

    The question is asked `num_answers` times, each drawn by itself. A metric reads its facts `choices` from the answer and
    all others from `meta`. One question that fails makes an error of the sample; an answer that cannot be read is wrong.
    """

    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "num_answers", "metric")
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=64)
    num_answers: int = 8
    metric: Metric = Exact()

    def check(self) -> None:
        if self.num_answers < 1:
            raise ConfigError(f"{type(self).__name__}.num_answers", str(self.num_answers), "at least 1")
        if self.num_answers > 1 and self.sampling.temperature == 0:
            fix = "raise sampling.temperature, or set num_answers=1"
            raise ConfigError(f"{type(self).__name__}.sampling", f"greedy, {self.num_answers} times the same", "a temperature", fix)

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Its own question, several times."""
        if sample.answer is None or not sample.answer.texts or not sample.turns:
            return ()
        return tuple(asked_again(sample, self, number) for number in range(self.num_answers))

    def marks(self, sample: Sample, replies: Sequence[Reply]) -> list[Mark]:
        """Sample and its replies → their marks. DataError if one failed."""
        assert sample.answer is not None
        gold, facts = list(sample.answer.texts), {**sample.meta, "choices": sample.answer.choices}
        return [self.metric.judge(given(reply), gold, facts) for reply in replies]


def most_said(marks: Sequence[Mark]) -> int:
    """Marks of wrong answers → how often the most frequent one of those that could be read was given."""
    wrong = Counter(repr(mark.said) for mark in marks if mark.parsed and mark.score < RIGHT)
    return max(wrong.values(), default=0)

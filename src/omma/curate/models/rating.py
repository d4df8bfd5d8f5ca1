"""Rating: the part of an operator that lets a model rate texts about pictures from 1 to 5: questions, reading, decision."""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import AskingOperator, Questions, check_prompt, filled, question
from omma.curate.models.replies import NO, YES, rating
from omma.curate.operator import Drops, texts_of
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class Rating(AskingOperator):
    """Each caption and reply is rated beside the pictures, alone; the worst counts. "Yes" is 5 and "no" 0.

    `prompt` has {text}. A judge tuned to answer in another way needs another prompt, not another reading: what is no rating
    is an error of the sample.
    """

    drops: ClassVar[Drops] = "<"

    sampling: Sampling = Sampling(max_tokens=8)
    prompt: str
    least: float = 3.0

    def check(self) -> None:
        check_prompt(f"{type(self).__name__}.prompt", self.prompt, "text")
        if not NO <= self.least <= YES:
            raise ConfigError(f"{type(self).__name__}.least", str(self.least), "a rating from 0 to 5")

    @property
    def threshold(self) -> float:
        """Lowest rating that stays."""
        return self.least

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Pictures and prompt, once for each text."""
        told = [text.strip() for text in texts_of(sample) if text.strip()] if sample.media else []
        return tuple(question(sample, self, n, filled(self.prompt, text=text), sample.media) for n, text in enumerate(told))

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """The lowest rating."""
        return min(rating(reply) for reply in replies)

    def decide(self, score: float) -> str:
        """Below `least`."""
        if math.isnan(score) or score >= self.least:
            return ""
        return "the judge says no" if score == NO else f"rated {score:g}, below {self.least:g}"

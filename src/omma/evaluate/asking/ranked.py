"""Ranked: the model says how likely it finds each of the given answers; nothing is written."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from omma.answerers.answerer import Answerer, Measurer
from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.question import Question
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.schema.sample import Part, Sample, Turn


@config
class Ranked(Asking):
    """`raw` is a JSON list: the log-likelihood of each choice as the reply, per token of it or summed.

    A question that the model cannot be asked is a row with an error.
    """

    scale: Literal["token", "sum"] = "token"

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions with choices → scores of the choices. ConfigError for an answerer that knows no likelihoods."""
        if not isinstance(answerer, Measurer):
            got = f"{type(answerer).__name__}, which knows no likelihoods"
            raise ConfigError("model", got, "a model whose weights are here", "take a benchmark whose answers are written")
        for question in questions:
            if not question.choices:
                raise DataError(question.sample.id, "no choices to rank", "at least one")
            began = time.perf_counter()
            try:
                losses = list(answerer.measure([said(question.sample, choice) for choice in question.choices], sight))
            except DataError as error:
                yield Answered("", {"finish": "error", "error": str(error)})
                continue
            scores = [-loss.total / (loss.count if self.scale == "token" else 1) for loss in losses]
            yield Answered(json.dumps(scores), {"seconds": round(time.perf_counter() - began, 6)})


def said(sample: Sample, choice: str) -> Sample:
    """Question + a reply to it → the two as a conversation."""
    return replace(sample, turns=(*sample.turns, Turn("assistant", (Part("text", choice),))))

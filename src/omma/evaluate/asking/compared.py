"""Compared: the model places a picture and each of the given captions in one space; how near they lie is their score."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.asking.asking import Answered
from omma.evaluate.asking.embedded import Embedded, space_of
from omma.evaluate.question import Question, asking
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.metrics.captions.clip_score import cosines


@config
class Compared(Embedded):
    """`raw` is a JSON list: the cosine of the picture with each choice. Each caption is embedded once."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions with a picture and choices → cosines. ConfigError for an answerer that embeds nothing."""
        space = space_of(answerer)
        texts = list(dict.fromkeys(choice for question in questions for choice in question.choices))
        seen = [np.array(vector) for vector in space.embed([question.sample for question in questions], sight)]
        read = [np.array(vector) for vector in space.embed([asking(f"caption-{i}", text) for i, text in enumerate(texts)])]
        known = dict(zip(texts, read, strict=True))
        for question, picture in zip(questions, seen, strict=True):
            if not question.choices:
                raise DataError(question.sample.id, "no captions to compare with", "at least one")
            captions = np.stack([known[choice] for choice in question.choices])
            yield Answered(json.dumps(self.scores(picture, captions)))

    def scores(self, picture: Float[np.ndarray, " D"], captions: Float[np.ndarray, "C D"]) -> Any:
        """Vectors of a picture and of its captions → what is kept of them, as JSON: the cosine with each caption."""
        return [float(value) for value in cosines(captions, np.broadcast_to(picture, captions.shape))]


@config
class ComparedAmong(Compared):
    """The same, then the cosines of the captions with each other: first with second, first with third, …, second with third, …."""

    def scores(self, picture: Float[np.ndarray, " D"], captions: Float[np.ndarray, "C D"]) -> Any:
        """Vectors → cosines of the picture with each caption, then of each pair of captions."""
        first, second = np.triu_indices(len(captions), 1)
        among = [float(value) for value in cosines(captions[first], captions[second])]
        return [*super().scores(picture, captions), *among]


@config
class ComparedWithReferences(Compared):
    """`raw` is a JSON object: the cosine of the picture with the first choice, and of that with each of the other choices."""

    def scores(self, picture: Float[np.ndarray, " D"], captions: Float[np.ndarray, "C D"]) -> Any:
        """Vectors → {"cosine": …, "references": […]}."""
        first, *_ = super().scores(picture, captions[:1])
        return {"cosine": first, "references": super().scores(captions[0], captions[1:])}

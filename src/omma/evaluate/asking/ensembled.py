"""Ensembled: a picture is one vector; a class is the mean of the unit vectors of all its prompts, as CLIP classifies."""

from collections.abc import Iterator, Sequence

import numpy as np

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.evaluate.asking.asking import Answered
from omma.evaluate.asking.embedded import Embedded, space_of, written
from omma.evaluate.question import Question, asking
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight


@config
class Ensembled(Embedded):
    """`raw` is a JSON list of floats. Questions with choices are classes, and the choices their prompts (openai/CLIP,
    `notebooks/Prompt_Engineering_for_ImageNet.ipynb`: each prompt at length 1, then their mean)."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → vectors. ConfigError for an answerer that embeds nothing."""
        space = space_of(answerer)
        samples = [
            sample
            for question in questions
            for sample in ([asking("prompt", text) for text in question.choices] or [question.sample])
        ]
        vectors = space.embed(samples, sight)
        for question in questions:
            if not question.choices:
                yield Answered(written(next(vectors)))
                continue
            prompts = np.array([next(vectors) for _ in question.choices])
            norms = np.linalg.norm(prompts, axis=1, keepdims=True)
            units = np.divide(prompts, norms, out=prompts.copy(), where=norms > 0)
            yield Answered(written(units.mean(axis=0)))

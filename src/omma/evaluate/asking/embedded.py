"""Embedded: the model places a picture, words, or both in a space where near means alike."""

import json
from collections.abc import Iterable, Iterator, Sequence

from omma.answerers.answerer import Answerer, Embedder
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.question import Question
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight


@config
class Embedded(Asking):
    """`raw` is a JSON list of floats: the vector, as the model gives it, to 32 bits."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → vectors. ConfigError for an answerer that embeds nothing."""
        space = space_of(answerer)
        for vector in space.embed([question.sample for question in questions], sight):
            yield Answered(written(vector))


def written(vector: Iterable[float]) -> str:
    """Vector → JSON list with nine digits a value, which is all that a float of 32 bits has."""
    return json.dumps([float(f"{value:.9g}") for value in vector])


def space_of(answerer: Answerer) -> Embedder:
    """Answerer → the same, which embeds. ConfigError for one that does not."""
    if not isinstance(answerer, Embedder):
        got = f"{type(answerer).__name__}, which gives no embeddings"
        fix = "for a model that writes, take the suite whose name ends in _likelihood, if there is one"
        raise ConfigError("model", got, "a model with an embedding space, such as a CLIP folder", fix)
    return answerer

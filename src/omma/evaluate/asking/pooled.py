"""Pooled: a language model that sees reads words and pictures together, and the state of the last token is their vector."""

from collections.abc import Iterator, Sequence

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.asking.embedded import written
from omma.evaluate.question import Question
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.generate.talker import Talker


@config
class Pooled(Asking):
    """`raw` is a JSON list of floats: the state behind the final norm of the last token before a reply would begin.

    TIGER-AI-Lab/VLM2Vec pools the last token, too; what that token is depends on the template of each model.
    """

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → vectors. ConfigError for an answerer whose states cannot be seen."""
        if not isinstance(answerer, Talker):
            got = f"{type(answerer).__name__}, whose states are not seen"
            fix = "`omma import` a released folder, or take the suite whose name ends in _added for CLIP"
            raise ConfigError("model", got, "a model of omma", fix)
        for vector in answerer.pool([question.sample for question in questions], sight):
            yield Answered(written(vector))

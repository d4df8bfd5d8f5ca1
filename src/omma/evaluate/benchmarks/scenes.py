"""Scenes: questions about drawn scenes (read, colour, yesno, count, relation, point) → accuracy, overall and per task."""

from omma.core.config import config
from omma.evaluate.accuracy import Accuracy
from omma.generate.sampling import Sampling


@config
class Scenes(Accuracy):
    """The quickstart's suite. The trivial guess knows the task, not the words of the question."""

    name: str = "scenes"
    source: str = "questions"
    sampling: Sampling = Sampling(max_tokens=24)

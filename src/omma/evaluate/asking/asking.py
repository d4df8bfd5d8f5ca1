"""Asking: questions → what a model makes of them, as text: its reply, its scores of the choices, or a vector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from omma.answerers.answerer import Answerer
from omma.core.config import Config, config
from omma.evaluate.question import Question
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight


@dataclass(frozen=True, slots=True)
class Answered:
    """`raw` is what a metric reads (JSON where it is no reply); `details` tell how it came about."""

    raw: str
    details: dict[str, Any] = field(default_factory=dict)


@config
class Asking(Config):
    """One way to put questions. Subclasses implement `ask`."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → one answer each, in order. ConfigError for an answerer that cannot do it."""
        raise NotImplementedError(f"{type(self).__name__} asks nothing yet")

"""Repetition: the part of an operator that drops texts which say the same pieces again: its thresholds and its decision."""

from collections.abc import Hashable, Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, texts_of
from omma.schema.sample import Sample


@config
class Repetition(TextOperator):
    """Pieces of `run` letters or words. Each caption and reply is judged alone, the worst counts."""

    drops: ClassVar[Drops] = ">"
    scored_by: ClassVar[tuple[str, ...]] = ("run",)
    unit: ClassVar[str] = ""  # what a piece is made of, in words
    run: int
    max_share: float = 0.3

    def check(self) -> None:
        if self.run < 1:
            raise ConfigError(f"{type(self).__name__}.run", str(self.run), f"at least 1 of its {self.unit}")
        if not 0 <= self.max_share <= 1:
            raise ConfigError(f"{type(self).__name__}.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Share of pieces that stood earlier in the same text; 0 where a text is shorter than two of them."""
        return max((repeated(self.units(text), self.run) for text in texts_of(sample)), default=0.0)

    def units(self, text: str) -> Sequence[Hashable]:
        """Text → what its pieces are made of, in order."""
        raise NotImplementedError(f"{type(self).__name__} has no units")

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.0%} of its runs of {self.run} {self.unit} are repetitions"


def repeated(units: Sequence[Hashable], run: int) -> float:
    """Letters or words in order → share of their runs that stood there before."""
    total = len(units) - run + 1
    pieces = {units[i : i + run] if isinstance(units, str) else tuple(units[i : i + run]) for i in range(total)}
    return 1 - len(pieces) / total if total > 0 else 0.0

"""word_repetition: a text that repeats the same phrases → dropped. Score: share of its phrases that stood there before.

Gopher (Rae et al. 2021, table A1) bounds repeated phrases of text for language models; captions are shorter, so the
default phrase is of three words.
"""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import TextOperator, texts_of
from omma.schema.sample import Sample


@config
class WordRepetition(TextOperator):
    """Stuffed keywords and looping generators. Each caption and reply is judged alone, case ignored, the worst counts."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("run",)
    run: int = 3
    max_share: float = 0.3

    def check(self) -> None:
        if self.run < 1:
            raise ConfigError("WordRepetition.run", str(self.run), "1 word or more")
        if not 0 <= self.max_share <= 1:
            raise ConfigError("WordRepetition.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Share of phrases of `run` words that stood earlier in the same text; 0 where a text is shorter than a phrase."""
        return max((repeated(text, self.run) for text in texts_of(sample)), default=0.0)

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.0%} of its phrases of {self.run} words are repetitions"


def repeated(text: str, run: int) -> float:
    """Text → share of its phrases that stood there before."""
    words = text.casefold().split()
    total = len(words) - run + 1
    return 1 - len({tuple(words[i : i + run]) for i in range(total)}) / total if total > 0 else 0.0

"""letter_repetition: a text that repeats the same runs of letters → dropped. Score: share of its runs that stood there before.

Source of the idea: `character_repetition_filter` of github.com/datajuicer/data-juicer (runs of 10 letters); the share here is
1 - distinct / all, so that it needs no choice of "frequent" runs.
"""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import TextOperator, texts_of
from omma.schema.sample import Sample


@config
class LetterRepetition(TextOperator):
    """Keyboards held down, rows of marks, pasted blocks. Each caption and reply is judged alone, the worst counts."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("run",)
    run: int = 10
    max_share: float = 0.3

    def check(self) -> None:
        if self.run < 1:
            raise ConfigError("LetterRepetition.run", str(self.run), "1 letter or more")
        if not 0 <= self.max_share <= 1:
            raise ConfigError("LetterRepetition.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Share of runs of `run` letters that stood earlier in the same text; 0 where a text is shorter than two runs."""
        return max((repeated(text, self.run) for text in texts_of(sample)), default=0.0)

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.0%} of its runs of {self.run} letters are repetitions"


def repeated(text: str, run: int) -> float:
    """Text → share of its runs of letters that stood there before."""
    total = len(text) - run + 1
    return 1 - len({text[i : i + run] for i in range(total)}) / total if total > 0 else 0.0

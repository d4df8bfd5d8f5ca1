"""letter_repetition: a text that repeats the same runs of letters → dropped. Score: share of its runs that stood there before.

Source of the idea: `character_repetition_filter` of github.com/datajuicer/data-juicer (runs of 10 letters); the share here is
1 - distinct / all, so that it needs no choice of "frequent" runs.
"""

from typing import ClassVar

from omma.core.config import config
from omma.curate.texts.repetition import Repetition


@config
class LetterRepetition(Repetition):
    """Keyboards held down, rows of marks, pasted blocks."""

    version: ClassVar[str] = "1"
    unit: ClassVar[str] = "letters"
    run: int = 10

    def units(self, text: str) -> str:
        """Text → its letters, marks and spaces."""
        return text

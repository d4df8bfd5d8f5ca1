"""word_repetition: a text that repeats the same phrases → dropped. Score: share of its phrases that stood there before.

Gopher (Rae et al. 2021, table A1) bounds repeated phrases of text for language models; captions are shorter, so the
default phrase is of three words.
"""

from typing import ClassVar

from omma.core.config import config
from omma.curate.texts.repetition import Repetition


@config
class WordRepetition(Repetition):
    """Stuffed keywords and looping generators. Case is ignored."""

    version: ClassVar[str] = "1"
    unit: ClassVar[str] = "words"
    run: int = 3

    def units(self, text: str) -> tuple[str, ...]:
        """Text → its words in lower case."""
        return tuple(text.casefold().split())

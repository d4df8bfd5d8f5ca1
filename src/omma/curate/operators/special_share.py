"""special_share: a text made of marks more than of words → dropped. Score: share of its letters that are no letter, digit or space.

Bound of `special_characters_filter` in github.com/datajuicer/data-juicer: 0.25.
"""

import unicodedata
from collections import Counter
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample


@config
class SpecialShare(TextOperator):
    """Marks, symbols, emoji and control characters of captions and replies. Letters of every script and their accents are words."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    max_share: float = 0.25

    def check(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ConfigError("SpecialShare.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Share of characters; 0 where there is no text."""
        counts = Counter(words_of(sample))
        special = sum(count for character, count in counts.items() if _special(character))
        return special / max(1, counts.total())

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.0%} of it are marks and symbols"


def _special(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character)[0] not in "LMN"

"""caption: a sample that says nothing, too little or too much → dropped. Score: words of its captions and replies."""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample

LONG = 1000  # letters; a longer word is no word: each 20 letters of it count as one, or a megabyte without a space would pass


@config
class Caption(TextOperator):
    """Null, empty and blank captions, and texts beyond any use. Samples whose reply is a region alone count as one word."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_words: int = 1
    max_words: int = 2000

    def check(self) -> None:
        if not 0 <= self.min_words <= self.max_words:
            raise ConfigError("Caption.min_words", f"{self.min_words}, max_words {self.max_words}", "0 ≤ min_words ≤ max_words")

    @property
    def threshold(self) -> float:
        """Fewest words that stay; the ledger's reason names the other bound."""
        return float(self.min_words)

    def score(self, sample: Sample) -> float:
        """Words; each region of a reply counts as one."""
        regions = sum(part.kind == "region" for turn in sample.turns if turn.role == "assistant" for part in turn.parts)
        return float(regions + sum(-(-len(word) // 20) if len(word) > LONG else 1 for word in words_of(sample).split()))

    def decide(self, score: float) -> str:
        """Outside of `min_words` to `max_words`."""
        if score == 0 and self.min_words:
            return "no words"
        if score < self.min_words:
            return f"{score:.0f} words, fewer than {self.min_words}"
        return "" if score <= self.max_words else f"{score:,.0f} words, more than {self.max_words:,}"

"""words_in_picture: a picture with too many or too few words in it, as a model reads them → dropped. Score: number of words.

`text_density` guesses where text stands, without reading it; this one reads, by any model that transcribes. A word is a run of
letters and digits, or one letter of a script that sets no spaces. The prompt is ours.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.transcribing import Transcribing, lines
from omma.curate.operator import Drops
from omma.curate.operators.contamination import tokens
from omma.generate.reply import Reply
from omma.schema.sample import Sample


@config
class WordsInPicture(Transcribing):
    """All pictures of a sample together. `min_words` keeps documents and signs, `max_words` photographs."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "prompt")
    min_words: int = 0
    max_words: int = 40

    def check(self) -> None:
        super().check()
        if not 0 <= self.min_words <= self.max_words:
            got = f"{self.min_words}, max_words {self.max_words}"
            raise ConfigError("WordsInPicture.min_words", got, "0 ≤ min_words ≤ max_words")

    @property
    def threshold(self) -> float:
        """Most words that stay; the ledger's reason names the other bound."""
        return float(self.max_words)

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """Words of all pictures."""
        return float(sum(len(tokens(line)) for line in lines(replies)))

    def decide(self, score: float) -> str:
        """Outside of `min_words` to `max_words`."""
        if math.isnan(score) or self.min_words <= score <= self.max_words:
            return ""
        bound = f"fewer than {self.min_words}" if score < self.min_words else f"more than {self.max_words}"
        return f"{score:.0f} words in the picture, {bound}"

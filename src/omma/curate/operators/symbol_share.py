"""symbol_share: a text of hashtags or dots → dropped. Score: number signs or ellipses for each word, whichever are more.

Gopher (Rae et al. 2021, A1.1) and `GopherQualityFilter` in github.com/huggingface/datatrove bound both ratios by 0.1; that is
for pages. A caption with one hashtag is useful, so the default is looser.
"""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample


@config
class SymbolShare(TextOperator):
    """Captions of social networks that are tags alone, and teasers that break off."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    max_ratio: float = 0.5

    def check(self) -> None:
        if self.max_ratio < 0:
            raise ConfigError("SymbolShare.max_ratio", str(self.max_ratio), "0 or more symbols a word")

    @property
    def threshold(self) -> float:
        """Largest ratio that stays."""
        return self.max_ratio

    def score(self, sample: Sample) -> float:
        """Symbols a word; words are what stands between spaces."""
        text = words_of(sample)
        most = max(text.count("#"), text.count("...") + text.count("…"))
        return most / max(1, len(text.split()))

    def decide(self, score: float) -> str:
        """Above `max_ratio`."""
        return "" if score <= self.max_ratio else f"{score:.2f} number signs or ellipses a word"

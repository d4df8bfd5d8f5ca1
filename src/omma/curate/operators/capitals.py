"""capitals: a text in capitals → dropped. Score: share of capitals among its letters that have a case."""

import math
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample


@config
class Capitals(TextOperator):
    """Shouted advertisements. Texts with fewer than `min_letters` such letters are not judged: signs and names are short."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scored_by: ClassVar[tuple[str, ...]] = ("min_letters",)
    min_letters: int = 20
    max_share: float = 0.7

    def check(self) -> None:
        if self.min_letters < 1:
            raise ConfigError("Capitals.min_letters", str(self.min_letters), "1 or more")
        if not 0 <= self.max_share <= 1:
            raise ConfigError("Capitals.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Share of capitals; NaN where too few letters have a case, as in most scripts none has."""
        text = words_of(sample)
        large, small = sum(map(str.isupper, text)), sum(map(str.islower, text))
        return large / (large + small) if large + small >= self.min_letters else math.nan

    def decide(self, score: float) -> str:
        """Above `max_share`; what is not judged stays."""
        return f"{score:.0%} capitals" if score > self.max_share else ""

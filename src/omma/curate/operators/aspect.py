"""aspect: a picture more than `max_ratio` times as long as wide, or as wide as long → dropped. Score: the ratio of its sides."""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class Aspect(PictureOperator):
    """Banners, rulers and strips. DataComp's basic filter keeps ratios to 3; strips of text need more."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    max_ratio: float = 5.0

    def check(self) -> None:
        if self.max_ratio < 1:
            raise ConfigError("Aspect.max_ratio", str(self.max_ratio), "1 or more: longer over shorter side")

    @property
    def threshold(self) -> float:
        """Largest ratio that stays."""
        return self.max_ratio

    def score(self, picture: Picture) -> float:
        """Longer over shorter side."""
        return max(picture.size) / min(picture.size)

    def decide(self, score: float) -> str:
        """Above `max_ratio`."""
        return "" if score <= self.max_ratio else f"sides 1:{score:.1f}, beyond 1:{self.max_ratio:g}"

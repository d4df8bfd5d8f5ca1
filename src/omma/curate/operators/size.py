"""size: a picture with a side below `min_side` px → dropped. Score: the shorter side, px."""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class Size(PictureOperator):
    """Pictures too small to show anything, 1-pixel trackers above all."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_side: int = 16

    def check(self) -> None:
        if self.min_side < 1:
            raise ConfigError("Size.min_side", str(self.min_side), "1 or more")

    @property
    def threshold(self) -> float:
        """Shortest side that stays, px."""
        return float(self.min_side)

    def score(self, picture: Picture) -> float:
        """Shorter side, px."""
        return float(min(picture.size))

    def decide(self, score: float) -> str:
        """Below `min_side`."""
        return "" if score >= self.min_side else f"shorter side {score:.0f} px, below {self.min_side}"

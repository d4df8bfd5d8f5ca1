"""colourfulness: a picture with too little colour → dropped. Score: M of Hasler and Süsstrunk 2003, 0 for grey, some 100 for vivid.

With rg = R - G and yb = (R + G) / 2 - B: M = √(σ²rg + σ²yb) + 0.3 √(μ²rg + μ²yb).
"""

from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class Colourfulness(PictureOperator):
    """Grey pictures and documents are useful: by default the score is stored and nothing goes."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_score: float = 0.0

    def check(self) -> None:
        if self.min_score < 0:
            raise ConfigError("Colourfulness.min_score", str(self.min_score), "0 or more")

    @property
    def threshold(self) -> float:
        """Least colourfulness that stays."""
        return self.min_score

    def score(self, picture: Picture) -> float:
        """M of the picture within 256 × 256 px."""
        red, green, blue = np.moveaxis(picture.small.astype(np.float64), -1, 0)
        rg, yb = red - green, (red + green) / 2 - blue
        return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))

    def decide(self, score: float) -> str:
        """Below `min_score`."""
        return "" if score >= self.min_score else f"colourfulness {score:.1f}, below {self.min_score:g}"

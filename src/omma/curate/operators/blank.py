"""blank: a picture of one colour → dropped. Score: share of its pixels within 8 levels of their median colour."""

from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture

NEAR = 8  # levels of 255, each channel


@config
class Blank(PictureOperator):
    """Placeholders, failed renderings, black frames. A page with one line of text is about 0.99 blank."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    max_share: float = 0.998

    def check(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ConfigError("Blank.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, picture: Picture) -> float:
        """Share of pixels of the picture within 256 × 256 px."""
        pixels = picture.small.astype(np.int16)
        return float((np.abs(pixels - np.median(pixels, axis=(0, 1))) <= NEAR).all(axis=-1).mean())

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.1%} of it are one colour"

"""entropy: a picture of few shades → dropped. Score: entropy of its grey values, bits from 0 to 8 (Shannon 1948)."""

from typing import ClassVar

import numpy as np
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class Entropy(PictureOperator):
    """Empty frames, plain logos and masks. Clean pages of text lie between 0.3 and 2 bits."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_bits: float = 0.2

    def check(self) -> None:
        if not 0 <= self.min_bits <= 8:
            raise ConfigError("Entropy.min_bits", str(self.min_bits), "0 to 8 bits")

    @property
    def threshold(self) -> float:
        """Fewest bits that stay."""
        return self.min_bits

    def score(self, picture: Picture) -> float:
        """Bits a pixel, every pixel counted alone."""
        shares = np.array(Image.fromarray(picture.pixels).convert("L").histogram(), np.float64)
        shares = shares[shares > 0] / shares.sum()
        return float(-(shares * np.log2(shares)).sum()) + 0.0

    def decide(self, score: float) -> str:
        """Below `min_bits`."""
        return "" if score >= self.min_bits else f"{score:.2f} bits of entropy, below {self.min_bits:g}"

"""blur: a picture out of focus or enlarged → dropped. Score: variance of the Laplacian of its grey values.

Pech-Pacheco et al. 2000. As `blur_filter` of github.com/NVIDIA-NeMo/Curator, which drops below 100, but without a border: the
kernel (0 1 0; 1 -4 1; 0 1 0) is laid where it fits. The score depends on the size of the picture; drawings and clean
documents can have low ones, so the default is lower.
"""

from typing import ClassVar

import numpy as np
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class Blur(PictureOperator):
    """Judged at full size: a picture that was enlarged is as blurred as one out of focus."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_variance: float = 20.0

    def check(self) -> None:
        if self.min_variance < 0:
            raise ConfigError("Blur.min_variance", str(self.min_variance), "0 or more")

    @property
    def threshold(self) -> float:
        """Least variance that stays."""
        return self.min_variance

    def score(self, picture: Picture) -> float:
        """Variance over the pixels that have four neighbours; 0 where none has."""
        grey = np.asarray(Image.fromarray(picture.pixels).convert("L"), np.int16)
        if min(grey.shape) < 3:
            return 0.0
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        return float((around - 4 * grey[1:-1, 1:-1]).var(dtype=np.float64))

    def decide(self, score: float) -> str:
        """Below `min_variance`."""
        return "" if score >= self.min_variance else f"blurred: variance of the Laplacian {score:.1f}, below {self.min_variance:g}"

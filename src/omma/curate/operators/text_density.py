"""text_density: a picture of too much text → dropped. Score: share of its cells that look like a line of text.

No reading, no model: a cell is text where strokes cross it often, dark to light as often as light to dark, and between paper
and ink stand few shades. Measured: drawn pages of letters of 10 to 24 px, dark on light and light on dark, PNG and JPEG of
quality 60, score at least 0.35, letters of 40 px 0.16; of 120 photographs 1% score above 0.19 and none above 0.25. So 0.3 tells
pages from photographs; pages in large letters and screens with little text (0.15) are not told from photographs.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture
from omma.media.decode import shrink

SIDE, CELL = 768, 16  # px of the longer side that is looked at, px of a cell
CONTRAST, STEP = 70, 30  # levels between paper and ink; of a step from one to the other
FEWEST, MOST = 0.06, 0.5  # steps of either direction in the pixels of a cell
BALANCE, SHADES = 0.6, 0.4  # of rarer to more frequent direction; of pixels between paper and ink


@config
class TextDensity(PictureOperator):
    """Screens, scans and memes, where pictures are wanted; with `min_share` documents, where those are wanted."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    min_share: float = 0.0
    max_share: float = 1.0

    def check(self) -> None:
        if not 0 <= self.min_share <= self.max_share <= 1:
            raise ConfigError("TextDensity.min_share", f"{self.min_share}, max_share {self.max_share}", "0 ≤ min ≤ max ≤ 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays; the ledger's reason names the other bound."""
        return self.max_share

    def score(self, picture: Picture) -> float:
        """Share of cells; 0 for a picture smaller than a cell."""
        grey = np.asarray(Image.fromarray(shrink(picture.pixels, SIDE)).convert("L"), np.float32)
        return float(text_cells(grey).mean()) if min(grey.shape) >= CELL else 0.0

    def decide(self, score: float) -> str:
        """Outside of `min_share` to `max_share`."""
        if score < self.min_share:
            return f"text on {score:.1%} of it, less than {self.min_share:.1%}"
        return "" if score <= self.max_share else f"text on {score:.1%} of it, more than {self.max_share:.1%}"


def text_cells(grey: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "rows columns"]:
    """Grey picture → which of its cells look like text. What is left of the last whole cell is not looked at."""
    cells = _cells(grey)
    paper, ink = cells.max(axis=-1), cells.min(axis=-1)
    contrast = paper - ink
    steps = np.diff(grey, axis=1, append=grey[:, -1:])
    up, down = (_cells(side * steps > STEP).mean(axis=-1) for side in (1, -1))
    between = (cells - ink[..., None]) / np.maximum(contrast, 1)[..., None]
    shades = ((between > 0.25) & (between < 0.75)).mean(axis=-1)
    often = (np.minimum(up, down) >= FEWEST) & (np.maximum(up, down) <= MOST)
    return often & (contrast >= CONTRAST) & (np.minimum(up, down) >= BALANCE * np.maximum(up, down)) & (shades <= SHADES)


def _cells(values: np.ndarray) -> np.ndarray:
    """(h, w) → (rows, columns, pixels of a cell)."""
    rows, columns = values.shape[0] // CELL, values.shape[1] // CELL
    whole = values[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return whole.transpose(0, 2, 1, 3).reshape(rows, columns, CELL * CELL)

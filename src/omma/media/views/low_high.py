"""LowHigh: any picture → the same square twice, small and large; the tokens of the small one enter the language model.

Mini-Gemini (arXiv 2403.18814; dvlab-research/MGM): fill colour makes the picture square (`Pad`), a low-resolution tile feeds the
encoder whose tokens are kept, a high-resolution tile the encoder that they mine. The release makes the low tile out of the high
one's values, bilinear without antialiasing; here each is made of the picture.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, shown_side
from omma.schema.view import Canvas, Layout, Steps, Tile, TilePlan, Unit, View


@config
class LowHigh(View):
    """Two tiles: `size` × `size` px, then `high` × `high` px."""

    size: int = 336
    high: int = 672

    def check(self) -> None:
        super().check()
        check_side("LowHigh.size", self.size)
        if self.high < self.size:
            raise ConfigError("LowHigh.high", f"{self.high} px", f"at least the size of {self.size} px")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, high=64)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        low, high = shown_side("LowHigh", self.size, unit), shown_side("LowHigh", self.high, unit, "high")
        side = max(width, height)
        left, top = (side - width) // 2, (side - height) // 2
        border = (left, top, side - width - left, side - height - top)
        canvases = tuple(Canvas(size, size, (0, 0, size, size), border) for size in (self.size, self.high))
        return TilePlan(width, height, canvases, (Tile(0, 0, 0, low, low), Tile(1, 0, 0, high, high)))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        return (np.arange(math.prod(grids[0])),)

"""Quarters: any picture, padded to a square → the square in one tile, then its four quarters, each as large as the whole.

SPHINX (arXiv 2311.07575; Alpha-VLLM/LLaMA2-Accessory `accessory/model/LLM/llama_ens5.py`, `accessory/data/transform.py`): whole,
top left, top right, bottom left, bottom right, a learned token before each tile and another behind it. The release makes the
whole tile out of the large square's values, bicubic without antialiasing; here each is made of the picture.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.media.planning import check_picture, check_side, grid_of_tiles, shown_side
from omma.schema.view import NEWLINE, SEPARATOR, Canvas, Layout, Steps, Tile, TilePlan, Unit, View


@config
class Quarters(View):
    """Five tiles of `size` × `size` px; `fill` makes the picture square."""

    size: int = 224

    def check(self) -> None:
        super().check()
        check_side("Quarters.size", self.size)

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Quarters", self.size, unit)
        side = max(width, height)
        left, top = (side - width) // 2, (side - height) // 2
        border = (left, top, side - width - left, side - height - top)
        canvases = tuple(Canvas(n, n, (0, 0, n, n), border) for n in (self.size, 2 * self.size))
        return TilePlan(width, height, canvases, (Tile(0, 0, 0, shown, shown), *grid_of_tiles(1, 2, 2, self.size, shown)))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        tiles = [np.arange(borders[i], borders[i + 1]) for i in range(len(grids))]
        return (np.concatenate([run for tile in tiles for run in ([NEWLINE], tile, [SEPARATOR])]),)

    @property
    def layout_tokens(self) -> int:
        """The start and the end of a tile."""
        return 2

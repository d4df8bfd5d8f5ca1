"""Pad: any picture → one square tile of `size` px; fill colour around the picture makes it square, then it is resized.

Matches LLaVA-1.5's `expand2square` (LLaVA `mm_utils.py`): the square is made in source px with the smaller margin first
(floor of half), so the picture's edges may fall between the pixels of the tile. LLaVA fills with CLIP's mean colour,
(122, 116, 104).
"""

from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.media.planning import check_picture, check_side, shown_side
from omma.schema.view import Canvas, Tile, TilePlan, Unit, View


@config
class Pad(View):
    """One tile of `size` × `size` px with the whole picture in the middle, its aspect kept."""

    size: int = 336

    def check(self) -> None:
        super().check()
        check_side("Pad.size", self.size)

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        return squared(width, height, self.size, shown_side("Pad", self.size, unit))


def squared(width: int, height: int, size: int, shown: int) -> TilePlan:
    """Picture size + side of the tile and how much of it whole patches cover → plan of the padded square."""
    side = max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    border = (left, top, side - width - left, side - height - top)
    canvas = Canvas(size, size, (0, 0, size, size), border)
    return TilePlan(width, height, (canvas,), (Tile(0, 0, 0, shown, shown),))

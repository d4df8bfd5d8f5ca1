"""NaFlex: any picture → one tile with nearly its aspect and at most `max_patches` patches, as many as fit.

SigLIP 2's flexible resolution (arXiv 2502.14786; transformers `models/siglip2`, `get_image_size_for_max_num_patches`): the
scale is found by halving an interval; at each scale both sides are rounded up to whole patches. SigLIP 2 resizes bilinearly.
"""

import math
from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.media.planning import check_picture, filled
from omma.schema.view import Tile, TilePlan, Unit, View

CLOSE, LARGEST = 1e-5, 100.0  # the scale is found to this step, and is never larger than this


@config
class NaFlex(View):
    """One tile of at most `max_patches` patches; with a connector that merges patches, in whole visual tokens."""

    max_patches: int = 256

    def check(self) -> None:
        super().check()
        if self.max_patches < 1:
            raise ConfigError("NaFlex.max_patches", str(self.max_patches), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), max_patches=min(self.max_patches, 64))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        most = self.max_patches // unit.merge**2
        rows, columns = _grid(width, height, unit.pixels, most)
        if rows * columns > most:
            got = f"is {width} × {height} px: {columns} × {rows} visual tokens at the smallest scale"
            raise DataError("picture", got, f"at most {most}", "crop it, or drop it in curation")
        wide, high = columns * unit.pixels, rows * unit.pixels
        return TilePlan(width, height, (filled(wide, high),), (Tile(0, 0, 0, wide, high),))


def _grid(width: int, height: int, side: int, most: int) -> tuple[int, int]:
    low, high = CLOSE / 10, LARGEST
    while high - low >= CLOSE:
        scale = (low + high) / 2
        if _cells(scale, height, side) * _cells(scale, width, side) <= most:
            low = scale
        else:
            high = scale
    return _cells(low, height, side), _cells(low, width, side)


def _cells(scale: float, length: int, side: int) -> int:
    return max(1, math.ceil(length * scale / side))

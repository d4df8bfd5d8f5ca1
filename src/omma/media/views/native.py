"""Native: any picture → one tile near its own size, sides multiples of a visual token, area between two bounds.

Matches Qwen-VL's `smart_resize` (transformers `models/qwen2_vl`): sides rounded to the factor; if that is too many
pixels, both sides are divided by √(area / max) and rounded down, if too few, multiplied and rounded up.
"""

import math
from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.media.planning import check_picture, filled
from omma.schema.view import Tile, TilePlan, Unit, View


@config
class Native(View):
    """One tile of any aspect up to `max_aspect`, between `min_pixels` and `max_pixels` px in all."""

    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 1280
    max_aspect: float = 200.0

    def check(self) -> None:
        super().check()
        if not 1 <= self.min_pixels <= self.max_pixels:
            raise ConfigError("Native", f"min_pixels {self.min_pixels} and max_pixels {self.max_pixels}", "1 ≤ min ≤ max")
        if self.max_aspect < 1:
            raise ConfigError("Native.max_aspect", str(self.max_aspect), "at least 1")

    def tiny(self) -> Self:
        return replace(self, min_pixels=32 * 32, max_pixels=64 * 64)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        aspect = max(width, height) / min(width, height)
        if aspect > self.max_aspect:
            got = f"is {width} × {height} px, {aspect:.0f} times as long as wide"
            raise DataError("picture", got, f"at most {self.max_aspect:g} times", "crop it, or drop it in curation")
        rows, columns = self._grid(height, width, unit.pixels)
        wide, high = columns * unit.pixels, rows * unit.pixels
        return TilePlan(width, height, (filled(wide, high),), (Tile(0, 0, 0, wide, high),))

    def _grid(self, height: int, width: int, factor: int) -> tuple[int, int]:
        rows, columns = round(height / factor), round(width / factor)
        area = (rows * factor) * (columns * factor)
        if area > self.max_pixels:
            shrink = math.sqrt(height * width / self.max_pixels)
            return max(1, math.floor(height / shrink / factor)), max(1, math.floor(width / shrink / factor))
        if area < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (height * width))
            return math.ceil(height * grow / factor), math.ceil(width * grow / factor)
        return rows, columns

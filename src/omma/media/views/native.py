"""Native: any picture → one tile near its own size, sides multiples of a visual token, area between two bounds.

Qwen-VL (`smart_resize`, see `planning.bounded_grid`).
"""

from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import bounded_grid, check_aspect, check_picture, filled
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
        return replace(self, video=self.video.tiny(), min_pixels=32 * 32, max_pixels=64 * 64)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        check_aspect(width, height, self.max_aspect)
        rows, columns = bounded_grid(width, height, unit.pixels, self.min_pixels, self.max_pixels)
        wide, high = columns * unit.pixels, rows * unit.pixels
        return TilePlan(width, height, (filled(wide, high),), (Tile(0, 0, 0, wide, high),))

"""LongSide: any picture with its longer side at `size` px and its aspect nearly kept; the shorter is rounded up to whole steps.

EVE (baaivision/EVE `EVEv1/eve/mm_utils.py`, `process_images`; what it pads around the picture is masked and never seen).
"""

import math
from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, filled, shown_side
from omma.schema.view import Tile, TilePlan, Unit, View


@config
class LongSide(View):
    """The shorter side is a multiple of `step` visual tokens' sides."""

    size: int = 672
    step: int = 1

    def check(self) -> None:
        super().check()
        check_side("LongSide.size", self.size)
        if self.step < 1:
            raise ConfigError("LongSide.step", str(self.step), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=64, step=min(self.step, 2))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        size = shown_side("LongSide", self.size, unit)
        cell = self.step * unit.pixels
        short = math.ceil(size * min(width, height) / max(width, height) / cell) * cell
        wide, high = (size, short) if width > height else (short, size)
        return TilePlan(width, height, (filled(wide, high),), (Tile(0, 0, 0, wide, high),))

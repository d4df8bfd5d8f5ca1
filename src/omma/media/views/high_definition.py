"""HighDefinition: any picture → as many `size` px tiles as its aspect allows within `max_tiles`, and the same sheet as one tile.

InternLM-XComposer2-4KHD and 2.5 (InternLM/InternLM-XComposer `ixc_utils.py`, `HD_transform`; token order of `build_mlp.py`): the
longer side becomes s tiles with the largest s for which s · ⌈s / aspect⌉ ≤ max_tiles, the other is padded with white to whole
tiles, the smaller margin first. Token layout as `GlobalLocal`: the whole row by row with NEWLINEs, a SEPARATOR, the detail map
with NEWLINEs.

The release makes the small sheet out of the large one's values, bicubic without antialiasing; here it is made of the picture.
4KHD resizes bilinearly.
"""

import math
from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.media.planning import check_picture, check_side, grid_of_tiles, shown_side
from omma.media.views.global_local import two_maps
from omma.schema.view import Canvas, Layout, Steps, Tile, TilePlan, Unit, View


@config
class HighDefinition(View):
    """The whole sheet as one tile, then at most `max_tiles` tiles row by row."""

    size: int = 336
    max_tiles: int = 55

    def check(self) -> None:
        super().check()
        check_side("HighDefinition.size", self.size)
        if self.max_tiles < 1:
            raise ConfigError("HighDefinition.max_tiles", str(self.max_tiles), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, max_tiles=min(self.max_tiles, 4))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("HighDefinition", self.size, unit)
        tall = height > width
        longer, shorter = (height, width) if tall else (width, height)
        across, down, inner = self._grid(longer, shorter)
        top = (down * self.size - inner) // 2
        sheet = self._sheet(across * self.size, down * self.size, top, inner, tall)
        small = self._sheet(self.size, self.size, round(top / down), max(1, round(inner / down)), tall)
        rows, columns = (across, down) if tall else (down, across)
        tiles = grid_of_tiles(1, rows, columns, self.size, shown)
        return TilePlan(width, height, (small, sheet), (Tile(0, 0, 0, shown, shown), *tiles), main=1)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        return two_maps("HighDefinition", plan, grids, self.size)

    @property
    def layout_tokens(self) -> int:
        return 2

    def _grid(self, longer: int, shorter: int) -> tuple[int, int, int]:
        """Sides of the picture → tiles along the longer side, along the shorter, and px of the shorter that it fills."""
        aspect, scale = longer / shorter, 1
        while scale * math.ceil(scale / aspect) <= self.max_tiles:
            scale += 1
        scale -= 1
        inner = int(scale * self.size / aspect)
        if inner < 1:
            got = f"is {longer} × {shorter} px: of {scale} tiles of {self.size} px less than one pixel row is left"
            raise DataError("picture", got, "a picture that is less narrow", "crop it, or drop it in curation")
        return scale, math.ceil(inner / self.size), inner

    def _sheet(self, wide: int, high: int, top: int, inner: int, tall: bool) -> Canvas:
        """A lying sheet with the picture in its middle, or the same standing up."""
        if tall:
            return Canvas(high, wide, (top, 0, top + inner, wide))
        return Canvas(wide, high, (0, top, wide, top + inner))

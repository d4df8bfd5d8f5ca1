"""Crop: any picture → its shorter side resized to `edge` px and the middle square of `size` px cut out. The rest is not seen.

CLIP's own rule (transformers `models/clip`), also of LLaVA's first version: the longer side becomes ⌊edge · long / short⌋ px.
`view_*` boxes are in the frame of the whole resized picture, so that boxes outside the square stay true.
"""

from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, filled, shown_side
from omma.schema.view import Tile, TilePlan, Unit, View


@config
class Crop(View):
    """One tile of `size` × `size` px from the middle."""

    size: int = 224
    edge: int = 224

    def check(self) -> None:
        super().check()
        check_side("Crop.size", self.size)
        if self.edge < self.size:
            raise ConfigError("Crop.edge", f"{self.edge} px", f"at least the size of {self.size} px")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, edge=max(32, self.edge * 32 // self.size))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Crop", self.size, unit)
        longer = int(self.edge * max(width, height) / min(width, height))
        wide, high = (self.edge, longer) if width <= height else (longer, self.edge)
        corner = Tile(0, (wide - self.size) // 2, (high - self.size) // 2, shown, shown)
        return TilePlan(width, height, (filled(wide, high),), (corner,))

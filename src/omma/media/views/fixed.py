"""Fixed: any picture → one square tile of `size` px, squashed to it (CLIP-style resize, aspect not kept)."""

from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.media.planning import check_picture, check_side, filled, shown_side
from omma.schema.view import Tile, TilePlan, Unit, View


@config
class Fixed(View):
    """One tile of `size` × `size` px."""

    size: int = 336

    def check(self) -> None:
        super().check()
        check_side("Fixed.size", self.size)

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Fixed", self.size, unit)
        return TilePlan(width, height, (filled(self.size, self.size),), (Tile(0, 0, 0, shown, shown),))

"""Framed: any picture → one square tile, its aspect kept, between two learned embeddings.

Ovis 1.0 (AIDC-AI/Ovis v1.0 `visual_tokenizer/base_visual_tokenizer.py`, `preprocess_image`): resized so that the longer side fills
the tile, centred on fill colour (see `Cells`), the tokens between a start and an end.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.media.planning import check_picture, check_side, shown_side
from omma.media.views.cells import shown_alone
from omma.schema.view import NEWLINE, SEPARATOR, Layout, Steps, Tile, TilePlan, Unit, View


@config
class Framed(View):
    """One tile of `size` × `size` px."""

    size: int = 336

    def check(self) -> None:
        super().check()
        check_side("Framed.size", self.size)

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Framed", self.size, unit)
        canvas = shown_alone(width, height, (0, 0, width, height), self.size)
        return TilePlan(width, height, (canvas,), (Tile(0, 0, 0, shown, shown),))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        return (np.concatenate([[NEWLINE], np.arange(math.prod(grids[0])), [SEPARATOR]]),)

    @property
    def layout_tokens(self) -> int:
        """The start and the end of a picture."""
        return 2

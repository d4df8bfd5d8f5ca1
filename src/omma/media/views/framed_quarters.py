"""FramedQuarters: any picture → Framed, and for a large one its four quarters in tiles of their own, which no word shows.

Ovis 1.5 (AIDC-AI/Ovis v1.5 `visual_tokenizer/base_visual_tokenizer.py`, `preprocess_image` with `hd_booster`): quarters are cut
from the picture at half its sides, each resized with its aspect kept and padded by itself. Only the whole's tokens stand among
the words: an encoder such as `TwoScales` joins what it finds in the quarters to them.
"""

from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, shown_side
from omma.media.views.cells import cell_boxes, shown_alone
from omma.media.views.framed import Framed
from omma.schema.view import NEWLINE, SEPARATOR, Layout, Steps, Tile, TilePlan, Unit


@config
class FramedQuarters(Framed):
    """Quarters are shown of pictures with both sides at least `least` times the tile's (Ovis's `s2wrapper`: 0)."""

    size: int = 384
    least: float = 1.5

    def check(self) -> None:
        super().check()
        if self.least < 0:
            raise ConfigError("FramedQuarters.least", str(self.least), "0 or more")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("FramedQuarters", self.size, unit)
        large = min(width, height) >= max(self.least * self.size, 2)
        boxes = ((0, 0, width, height), *(cell_boxes(width, height, 2, 2) if large else ()))
        canvases = tuple(shown_alone(width, height, box, self.size) for box in boxes)
        return TilePlan(width, height, canvases, tuple(Tile(i, 0, 0, shown, shown) for i in range(len(boxes))))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        _, rows, columns = grids[0]
        return (np.concatenate([[NEWLINE], np.arange(rows * columns), [SEPARATOR]]),)

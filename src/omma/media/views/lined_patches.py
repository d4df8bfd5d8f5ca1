"""LinedPatches: any picture at its own size, shrunk only if it is larger than `size`; a text tag behind each row of tokens.

Fuyu (transformers `models/fuyu/image_processing_pil_fuyu.py` and `processing_fuyu.py`): both sides are filled up to whole patches
with a grey of 1 of 255, and |NEWLINE| ends a row. It shrinks bilinearly.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.media.planning import check_picture, check_side
from omma.schema.view import Canvas, Layout, Steps, Tile, TilePlan, Unit, View


@config
class LinedPatches(View):
    """`width` and `height` px are the largest picture that is left as it is."""

    width: int = 1920
    height: int = 1080
    newline: str = "|NEWLINE|"

    def check(self) -> None:
        super().check()
        check_side("LinedPatches.width", self.width)
        check_side("LinedPatches.height", self.height)

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), width=64, height=48)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        w, h = width, height
        if w > self.width or h > self.height:
            scale = min(self.height / height, self.width / width)
            w, h = max(1, int(width * scale)), max(1, int(height * scale))
        wide, high = (math.ceil(side / unit.pixels) * unit.pixels for side in (w, h))
        return TilePlan(width, height, (Canvas(wide, high, (0, 0, w, h)),), (Tile(0, 0, 0, wide, high),))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        ((_, rows, columns),) = grids
        runs: list[np.ndarray | str] = []
        for row in range(rows):
            runs += [np.arange(row * columns, (row + 1) * columns), self.newline]
        return tuple(runs)

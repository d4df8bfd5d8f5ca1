"""Frames: a video → each frame squashed to one tile of its own, with a text before and behind the tokens of each.

InternVL 2 and later (`Frame1: <img>…</img>`, a line break between; transformers `models/internvl/processing_internvl.py`), SAIL-VL.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.media.planning import check_picture, check_side, filled, shown_side
from omma.media.sampling import Sampling, Uniform
from omma.schema.view import Footage, Layout, Steps, Tile, TilePlan, Unit


@config
class Frames(Footage):
    """Tiles of `size` × `size` px. `before` may hold {number}, counted from 1; `outer` is a template's text around a picture."""

    sampling: Sampling = Uniform(count=8, shift=0.5)
    size: int = 448
    before: str = "Frame{number}: <img>"
    behind: str = "</img>"
    between: str = "\n"
    outer: tuple[str, str] = ("<img>", "</img>")

    def check(self) -> None:
        check_side("Frames.size", self.size)

    def tiny(self) -> Self:
        return replace(self, sampling=self.sampling.tiny(), size=32)

    @property
    def marks(self) -> tuple[str, str]:
        return self.outer

    def plan(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        return frame_tiles("Frames", self.size, self.sampling, width, height, total, fps, unit)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        runs: list[np.ndarray | str] = []
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        for number in range(1, len(grids) + 1):
            line = self.between if number < len(grids) else ""
            before = self.before.replace("{number}", str(number))
            runs += [before, np.arange(borders[number - 1], borders[number]), self.behind + line]
        return tuple(run for run in runs if not isinstance(run, str) or run)


def frame_tiles(where: str, size: int, sampling: Sampling, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
    """A video's facts → plan of one squashed tile per seen frame."""
    check_picture(width, height)
    shown = shown_side(where, size, unit)
    clip = sampling.clip(total, fps, unit.temporal)
    tiles = tuple(Tile(0, 0, 0, shown, shown, first=number) for number in range(len(clip.frames)))
    return TilePlan(width, height, (filled(size, size),), tiles, clip=clip)

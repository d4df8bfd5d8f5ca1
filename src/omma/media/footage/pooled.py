"""Pooled: a video → each frame squashed to one tile, its token map halved bilinearly; one NEWLINE behind the last frame.

LLaVA-OneVision (transformers `models/llava_onevision`, `apply_pooling`): 27 × 27 tokens of a frame become 14 × 14, 196.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.media.blending import resized
from omma.media.footage.frames import frame_tiles
from omma.media.planning import check_side
from omma.media.sampling import Sampling, Uniform
from omma.schema.view import NEWLINE, Footage, Layout, Steps, TilePlan, Unit


@config
class Pooled(Footage):
    """Tiles of `size` × `size` px; both sides of their token maps are halved, rounded up."""

    sampling: Sampling = Uniform()
    size: int = 384

    def check(self) -> None:
        check_side("Pooled.size", self.size)

    def tiny(self) -> Self:
        return replace(self, sampling=self.sampling.tiny(), size=32)

    def plan(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        return frame_tiles("Pooled", self.size, self.sampling, width, height, total, fps, unit)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        maps = [
            resized(np.arange(start, start + rows * columns).reshape(rows, columns), -(-rows // 2), -(-columns // 2), time)
            for time, (start, (_, rows, columns)) in enumerate(zip(borders[:-1].tolist(), grids, strict=True))
        ]
        return (*maps, np.array([NEWLINE]))

    @property
    def layout_tokens(self) -> int:
        return 1

"""Stamped: a video → one tile per time step, each behind a text that says when: <0.3 seconds> tokens <1.3 seconds> tokens …

Qwen3-VL (transformers `models/qwen3_vl/video_processing_qwen3_vl.py`, `processing_qwen3_vl.py`): bounds are on the area of all
frames together. With `share="clip"` that is all (transformers' default); with `share="frame"` a frame also gets no more than
`frame_tokens` tokens or its even share, though 1.05 · min_pixels (`cap_pixels_per_frame`, as qwen-vl-utils). The time of a step
is the mean of its first and last frame's; of an odd number of frames the last counts twice.
"""

from dataclasses import replace
from typing import Literal, Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import bounded_grid, check_aspect, check_picture, filled, paired
from omma.media.sampling import Endwise, Sampling
from omma.schema.view import Clip, Footage, Layout, Steps, Tile, TilePlan, Unit


@config
class Stamped(Footage):
    """Bounds are in px of all frames together. `opening` and `closing` stand around each step instead of around the video."""

    sampling: Sampling = Endwise()
    min_pixels: int = 128 * 32 * 32
    max_pixels: int = 768 * 32 * 32
    share: Literal["clip", "frame"] = "clip"
    frame_tokens: int = 768
    max_aspect: float = 200.0
    opening: str = "<|vision_start|>"
    closing: str = "<|vision_end|>"

    def check(self) -> None:
        if not 1 <= self.min_pixels <= self.max_pixels:
            raise ConfigError("Stamped", f"min_pixels {self.min_pixels}, max_pixels {self.max_pixels}", "1 ≤ min ≤ max")

    def tiny(self) -> Self:
        return replace(self, sampling=self.sampling.tiny(), min_pixels=32 * 32, max_pixels=4 * 64 * 64)

    @property
    def marks(self) -> tuple[str, str]:
        return self.opening, self.closing

    def plan(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        check_picture(width, height)
        clip, side = self.sampling.clip(total, fps, unit.temporal), unit.pixels
        frames, most = len(clip.frames), self.max_pixels
        if self.share == "frame":
            most = frames * max(min(self.frame_tokens * side**2, most // frames), int(self.min_pixels * 1.05))
        w, h = width, height
        if min(width, height) < side:
            scale = max(side / height, side / width)
            w, h = int(width * scale), int(height * scale)
        check_aspect(w, h, self.max_aspect)
        counted = max(1, round(frames / unit.temporal)) * unit.temporal
        rows, columns = bounded_grid(w, h, side, self.min_pixels, most, frames, counted)
        wide, high = columns * side, rows * side
        firsts = range(0, paired(frames, unit.temporal), unit.temporal)
        tiles = tuple(Tile(0, 0, 0, wide, high, unit.temporal, first) for first in firsts)
        return TilePlan(width, height, (filled(wide, high),), tiles, clip=clip)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        runs: list[np.ndarray | str] = []
        borders = np.cumsum([0, *(steps * rows * columns for steps, rows, columns in grids)])
        for number, tile in enumerate(plan.tiles):
            stamp = f"<{_middle(plan.clip, tile):.1f} seconds>{self.opening}"
            runs += [stamp, np.arange(borders[number], borders[number + 1]), self.closing]
        return tuple(run for run in runs if not isinstance(run, str) or run)


def _middle(clip: Clip, tile: Tile) -> float:
    """Seconds in the middle of a tile's frames."""
    times = clip.seconds
    return (times[tile.first] + times[min(tile.first + tile.frames, len(times)) - 1]) / 2

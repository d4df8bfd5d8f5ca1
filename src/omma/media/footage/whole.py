"""Whole: a video → one tile of all its frames, their area between two bounds and within an even share of what a video may cost.

Qwen2-VL and Qwen2.5-VL (transformers `models/qwen2_vl/video_processing_qwen2_vl.py` with `cap_pixels_per_frame`, as qwen-vl-utils):
the upper bound is the smaller of `max_pixels` and 0.9 · total_tokens · token area · temporal / frames, though at least 1.05 ·
min_pixels. MiMo-VL does the same. As text it is one block of visual tokens, like a picture.
"""

from dataclasses import replace
from typing import Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import bounded_grid, check_aspect, check_picture, filled, paired
from omma.media.sampling import Sampling, Stepwise
from omma.schema.view import Footage, Tile, TilePlan, Unit


@config
class Whole(Footage):
    """Bounds are in px of a frame; `total_tokens` is what the context would hold of a whole video."""

    sampling: Sampling = Stepwise()
    min_pixels: int = 128 * 28 * 28
    max_pixels: int = 768 * 28 * 28
    total_tokens: int = 128_000
    max_aspect: float = 200.0

    def check(self) -> None:
        if not 1 <= self.min_pixels <= self.max_pixels or self.total_tokens < 1:
            got = f"min_pixels {self.min_pixels}, max_pixels {self.max_pixels}, total_tokens {self.total_tokens}"
            raise ConfigError("Whole", got, "1 ≤ min_pixels ≤ max_pixels and total_tokens ≥ 1")

    def tiny(self) -> Self:
        return replace(self, sampling=self.sampling.tiny(), min_pixels=32 * 32, max_pixels=64 * 64)

    def plan(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        check_picture(width, height)
        check_aspect(width, height, self.max_aspect)
        clip = self.sampling.clip(total, fps, unit.temporal)
        rows, columns = bounded_grid(width, height, unit.pixels, self.min_pixels, self._most(len(clip.frames), unit))
        wide, high = columns * unit.pixels, rows * unit.pixels
        tile = Tile(0, 0, 0, wide, high, frames=paired(len(clip.frames), unit.temporal))
        return TilePlan(width, height, (filled(wide, high),), (tile,), clip=clip)

    def _most(self, frames: int, unit: Unit) -> int:
        budget = int(self.total_tokens * unit.pixels**2 * 0.9)
        return max(min(self.max_pixels, budget * unit.temporal // frames), int(self.min_pixels * 1.05))

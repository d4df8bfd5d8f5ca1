"""Sampling: number of stored frames and their pace → the frames that are seen, by number. One rule per family of releases."""

import math

import numpy as np

from omma.core.config import Config, config
from omma.core.errors import ConfigError, DataError
from omma.schema.view import Clip


@config
class Sampling(Config):
    """Which frames of a video are seen."""

    def numbers(self, total: int, fps: float, temporal: int) -> np.ndarray:
        """Stored frames, frames a second, frames per time step → frame numbers, rising."""
        raise NotImplementedError(f"{type(self).__name__} has no numbers")

    def clip(self, total: int, fps: float, temporal: int) -> Clip:
        """The same as a clip. DataError for a video without frames or pace."""
        if total < 1 or fps <= 0:
            raise DataError("video", f"{total} frames at {fps:g} a second", "at least one frame, and a pace")
        return Clip(tuple(self.numbers(total, fps, temporal).tolist()), total, fps)


@config
class Uniform(Sampling):
    """`count` frames, or all of a shorter video, from as many equal stretches; `shift` 0 takes the first of each, ½ the middle.

    transformers' `BaseVideoProcessor.sample_frames` (shift 0, LLaVA-OneVision) and that of `models/internvl` (shift ½).
    """

    count: int = 32
    shift: float = 0.0

    def check(self) -> None:
        if self.count < 1 or not 0 <= self.shift < 1:
            raise ConfigError("Uniform", f"count {self.count}, shift {self.shift:g}", "count ≥ 1 and 0 ≤ shift < 1")

    def tiny(self) -> "Uniform":
        return Uniform(count=min(self.count, 4), shift=self.shift)

    def numbers(self, total: int, fps: float, temporal: int) -> np.ndarray:
        return _starts(total, min(self.count, total), self.shift)


@config
class _Paced(Sampling):
    """`fps` frames a second, at least `min_frames`, at most `max_frames` and as many as there are."""

    fps: float = 2.0
    min_frames: int = 4
    max_frames: int = 768

    def check(self) -> None:
        if self.fps <= 0 or not 1 <= self.min_frames <= self.max_frames:
            got = f"fps {self.fps:g}, min_frames {self.min_frames}, max_frames {self.max_frames}"
            raise ConfigError(type(self).__name__, got, "fps > 0 and 1 ≤ min_frames ≤ max_frames")

    def tiny(self) -> "_Paced":
        return type(self)(fps=self.fps, min_frames=min(self.min_frames, 4), max_frames=min(self.max_frames, 4))


@config
class Stepwise(_Paced):
    """Whole time steps, each frame the first of an equal stretch (Qwen2-VL, transformers `models/qwen2_vl`)."""

    def numbers(self, total: int, fps: float, temporal: int) -> np.ndarray:
        most = math.floor(min(self.max_frames, total) / temporal) * temporal
        count = min(max(total / fps * self.fps, self.min_frames), most, total)
        count = max(1, math.floor(count / temporal) * temporal)
        return _starts(total, count, 0.0)


@config
class Endwise(_Paced):
    """Evenly from the first frame to the last (Qwen3-VL, transformers `models/qwen3_vl`)."""

    def numbers(self, total: int, fps: float, temporal: int) -> np.ndarray:
        count = min(max(int(total / fps * self.fps), self.min_frames), self.max_frames, total)
        return np.linspace(0, total - 1, count).round().astype(np.int64)


def _starts(total: int, count: int, shift: float) -> np.ndarray:
    """Frame at `shift` of each of `count` equal stretches, rounded to single precision first as the releases' `torch.arange`."""
    stretch = total / count
    return (shift * stretch + np.arange(count) * stretch).astype(np.float32).astype(np.int64)

"""OneVision: BestFit whose detail map is resized bilinearly where it holds more tokens than `max_tiles` tiles do.

LLaVA-OneVision's `anyres_max_9` (transformers `models/llava_onevision`, `pack_image_features`): with r = √(rows · columns /
(max_tiles · tile tokens)), a map with r > 1.1 becomes ⌊rows / r⌋ × ⌊columns / r⌋. It pads with black, (0, 0, 0). Several
pictures of one sample are one tile each instead, padded with `around` to a square (as by `Pad`), and a NEWLINE behind it.
"""

import math

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.blending import resized
from omma.media.planning import check_picture, shown_side, with_newlines
from omma.media.views.best_fit import BestFit
from omma.media.views.pad import squared
from omma.schema.view import NEWLINE, Blend, Layout, Steps, TilePlan, Unit

SIDES = range(384, 2305, 384)
ROOM = 1.1  # a map this much too long a side is still left as it is


@config
class OneVision(BestFit):
    """A base tile, and at most about as many detail tokens as `max_tiles` tiles have; or one padded tile among several pictures."""

    size: int = 384
    pinpoints: tuple[tuple[int, int], ...] = tuple((height, width) for height in SIDES for width in SIDES)
    max_tiles: int = 9
    around: tuple[int, int, int] = (127, 127, 127)

    def check(self) -> None:
        super().check()
        if not all(0 <= value <= 255 for value in self.around):
            raise ConfigError("OneVision.around", str(self.around), "three values from 0 to 255")
        if self.max_tiles < 1:
            raise ConfigError("OneVision.max_tiles", str(self.max_tiles), "at least 1")

    def tiny(self) -> "OneVision":
        return OneVision(size=32, pinpoints=((32, 32), (32, 64), (64, 32)), max_tiles=1, fill=self.fill,
                         resample=self.resample, around=self.around, video=self.video.tiny())  # fmt: skip

    def plan_among(self, width: int, height: int, count: int, unit: Unit) -> TilePlan:
        if count <= 1:
            return self.plan(width, height, unit)
        check_picture(width, height)
        return squared(width, height, self.size, shown_side("OneVision", self.size, unit))

    @property
    def border_fill(self) -> tuple[int, int, int]:
        return self.around

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        base = np.arange(math.prod(grids[0]))
        if len(plan.tiles) == 1:
            return (np.append(base, NEWLINE),)
        detail = self.detail_map(plan, grids)
        rows, columns = detail.shape
        ratio = math.sqrt(rows * columns / (self.max_tiles * grids[1][1] ** 2))
        if ratio <= ROOM:
            return (np.concatenate([base, with_newlines(detail)]),)
        height, width = (max(1, int(side // ratio)) for side in (rows, columns))
        small = resized(detail, height, width)
        lines = [small_rows(small, start, start + width) for start in range(0, len(small), width)]
        return (base, *(run for line in lines for run in (line, np.array([NEWLINE]))))


def small_rows(blend: Blend, start: int, stop: int) -> Blend:
    """A stretch of blended tokens."""
    return Blend(blend.index[start:stop], blend.weight[start:stop], blend.place[start:stop])

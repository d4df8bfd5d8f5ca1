"""BestFit: any picture → one squashed base tile, then the tiles of the pinpoint size that wastes least, padded to keep aspect.

LLaVA-NeXT's any-resolution (transformers `models/llava_next`: `select_best_resolution`, `get_patch_output_size`,
`unpad_image`, `pack_image_features`). Token layout: the base tile's tokens, then the detail tiles as one map, its padding
cut off, with a NEWLINE after each row. LLaVA-NeXT pads with black, (0, 0, 0).
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np
from jaxtyping import Int64

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_grids, check_picture, check_side, filled, grid_of_tiles, mosaic, shown_side, with_newlines
from omma.schema.view import Canvas, Layout, Steps, Tile, TilePlan, Unit, View


@config
class BestFit(View):
    """A base tile and detail tiles of `size` px.

    `pinpoints` are the allowed sizes of the detail map as (height, width) px, the order in which released configs list them.
    """

    size: int = 336
    pinpoints: tuple[tuple[int, int], ...] = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))

    def check(self) -> None:
        super().check()
        check_side(f"{type(self).__name__}.size", self.size)
        if not self.pinpoints:
            raise ConfigError(f"{type(self).__name__}.pinpoints", "is empty", "at least one (height, width)")
        for height, width in self.pinpoints:
            if height < 1 or width < 1 or height % self.size or width % self.size:
                expected = f"positive multiples of the tile size of {self.size} px"
                raise ConfigError(f"{type(self).__name__}.pinpoints", f"({height}, {width})", expected)

    def tiny(self) -> Self:
        pinpoints = tuple((height // self.size * 32, width // self.size * 32) for height, width in self.pinpoints)
        return replace(self, video=self.video.tiny(), size=32, pinpoints=pinpoints)

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side(type(self).__name__, self.size, unit)
        high, wide = best_size(width, height, self.pinpoints)
        detail = Canvas(wide, high, centred(width, height, wide, high))
        tiles = grid_of_tiles(1, high // self.size, wide // self.size, self.size, shown)
        return TilePlan(width, height, (filled(self.size, self.size), detail), (Tile(0, 0, 0, shown, shown), *tiles), main=1)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        return (np.concatenate([np.arange(math.prod(grids[0])), with_newlines(self.detail_map(plan, grids))]),)

    def detail_map(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Int64[np.ndarray, "rows columns"]:
        """Plan + token grids → which token stands where on the map of all detail tiles, its padding cut off."""
        check_grids(type(self).__name__, plan, grids, slice(1, None))
        sheet, (_, high, wide) = plan.canvases[plan.main], grids[1]
        index = math.prod(grids[0]) + mosaic(sheet.height // self.size, sheet.width // self.size, high, wide)
        rows, columns = index.shape
        top, left = padding(plan.width, plan.height, columns, rows)
        return index[top : rows - top, left : columns - left]

    @property
    def layout_tokens(self) -> int:
        return 1


def best_size(width: int, height: int, pinpoints: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """Picture size + sizes (height, width) → the one that keeps most of the picture's pixels and, equal in that, is smallest."""

    def kept(size: tuple[int, int]) -> int:
        scale = min(size[1] / width, size[0] / height)
        return min(int(width * scale) * int(height * scale), width * height)

    # max() keeps the first of equals, as the reference's strict comparison does
    return max(pinpoints, key=lambda size: (kept(size), -size[0] * size[1]))


def centred(width: int, height: int, wide: int, high: int) -> tuple[int, int, int, int]:
    """Picture size + sheet size → where the picture lies: aspect kept, the free side rounded up, the smaller margin first."""
    scale_x, scale_y = wide / width, high / height
    if scale_x < scale_y:
        inner_wide, inner_high = wide, min(math.ceil(height * scale_x), high)
    else:
        inner_wide, inner_high = min(math.ceil(width * scale_y), wide), high
    left, top = (wide - inner_wide) // 2, (high - inner_high) // 2
    return left, top, left + inner_wide, top + inner_high


def padding(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """Picture size + token map → (rows, columns) of tokens to cut off at either side, by the reference's own rounding."""
    if width / height > columns / rows:
        return (rows - int(round(height * (columns / width), 7))) // 2, 0
    return 0, (columns - int(round(width * (rows / height), 7))) // 2

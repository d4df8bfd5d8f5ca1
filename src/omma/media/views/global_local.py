"""GlobalLocal: any picture → padded to one tile, then padded to the pinpoint size that wastes least and cut into tiles.

DeepSeek-VL2 (deepseek-ai/DeepSeek-VL2 `processing_deepseek_vl_v2.py`, Pillow's `ImageOps.pad`; token order of
`modeling_deepseek_vl_v2.py`). Token layout: the global tile row by row with a NEWLINE after each row, one SEPARATOR, all detail
tiles as one map with a NEWLINE after each row. It fills with grey, (127, 127, 127); where a conversation has more than two
pictures each is shown in a single detail tile.
"""

from dataclasses import replace

import numpy as np

from omma.core.config import config
from omma.media.planning import check_grids, check_picture, grid_of_tiles, mosaic, shown_side, with_newlines
from omma.media.views.best_fit import BestFit, best_size
from omma.schema.view import SEPARATOR, Canvas, Layout, Steps, Tile, TilePlan, Unit

FEW = 2  # pictures of a conversation that are cut into more than one detail tile
SIZES = tuple((384 * r, 384 * c) for r in range(1, 10) for c in range(1, 10) if r * c <= 9)


@config
class GlobalLocal(BestFit):
    """A global tile and detail tiles of `size` px, all padded to keep aspect."""

    size: int = 384
    pinpoints: tuple[tuple[int, int], ...] = SIZES

    def tiny(self) -> "GlobalLocal":
        return GlobalLocal(
            size=32, pinpoints=((32, 32), (32, 64), (64, 32)), fill=self.fill, resample=self.resample, video=self.video.tiny()
        )

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("GlobalLocal", self.size, unit)
        high, wide = best_size(width, height, self.pinpoints)
        canvases = tuple(Canvas(w, h, contained(width, height, w, h)) for w, h in ((self.size, self.size), (wide, high)))
        tiles = grid_of_tiles(1, high // self.size, wide // self.size, self.size, shown)
        return TilePlan(width, height, canvases, (Tile(0, 0, 0, shown, shown), *tiles), main=1)

    def plan_among(self, width: int, height: int, count: int, unit: Unit) -> TilePlan:
        view = self if count <= FEW else replace(self, pinpoints=((self.size, self.size),))
        return view.plan(width, height, unit)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        return two_maps("GlobalLocal", plan, grids, self.size)

    @property
    def layout_tokens(self) -> int:
        return 2


def two_maps(where: str, plan: TilePlan, grids: tuple[Steps, ...], size: int) -> Layout:
    """Plan of one global tile and detail tiles on its main canvas → the two maps row by row, a SEPARATOR between them."""
    check_grids(where, plan, grids, slice(1, None))
    sheet, (_, rows, columns), (_, high, wide) = plan.canvases[plan.main], grids[0], grids[1]
    whole = np.arange(rows * columns).reshape(rows, columns)
    detail = rows * columns + mosaic(sheet.height // size, sheet.width // size, high, wide)
    return (np.concatenate([with_newlines(whole), [SEPARATOR], with_newlines(detail)]),)


def contained(width: int, height: int, wide: int, high: int) -> tuple[int, int, int, int]:
    """Picture size + sheet size → where the picture lies: aspect kept, the free side and its margin rounded half to even."""
    inner_wide, inner_high = wide, high
    if width / height > wide / high:
        inner_high = max(1, round(height / width * wide))
    elif width / height < wide / high:
        inner_wide = max(1, round(width / height * high))
    left, top = round((wide - inner_wide) * 0.5), round((high - inner_high) * 0.5)
    return left, top, left + inner_wide, top + inner_high

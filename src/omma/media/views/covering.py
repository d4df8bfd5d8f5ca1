"""Covering: any picture → its whole squashed to one tile, then the smallest grid of tiles that shows most of it undistorted.

Ovis (AIDC-AI/Ovis `visual_tokenizer.py`; transformers `models/ovis2`, `get_min_tile_covering_grid`): each cell of a grid covers
what a tile shows of it without shrinking below the tile; the fewest tiles that cover more than `covering` of the picture win,
or else those that cover most. Text tags name the grid: <IMG_START> whole <IMG_GRID> cell <IMG_COL> cell <IMG_ROW> … <IMG_END>.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Literal, Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, filled, grid_of_tiles, shown_side
from omma.media.views.tiles import candidates
from omma.schema.view import Layout, Steps, Tile, TilePlan, Unit, View

Grid = tuple[int, int]


@config
class Covering(View):
    """The whole picture, then at most `max_tiles` tiles row by row unless one is enough.

    `first` says what the first number of the chosen grid counts when it is cut: `rows` in Ovis's own code, `columns` in
    transformers' processor, which thereby turns wide grids into tall ones.
    """

    size: int = 448
    max_tiles: int = 9
    covering: float = 0.9
    first: Literal["rows", "columns"] = "rows"

    def check(self) -> None:
        super().check()
        check_side("Covering.size", self.size)
        if self.max_tiles < 1:
            raise ConfigError("Covering.max_tiles", str(self.max_tiles), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, max_tiles=min(self.max_tiles, 4))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Covering", self.size, unit)
        grid = covering_grid(width, height, self.size, self.max_tiles, self.covering)
        rows, columns = grid if self.first == "rows" else grid[::-1]
        whole = filled(self.size, self.size)
        if rows * columns == 1:
            return TilePlan(width, height, (whole,), (Tile(0, 0, 0, shown, shown),))
        detail = grid_of_tiles(1, rows, columns, self.size, shown)
        canvases = (whole, filled(columns * self.size, rows * self.size))
        return TilePlan(width, height, canvases, (Tile(0, 0, 0, shown, shown), *detail), main=1)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        columns = plan.canvases[plan.main].width // self.size
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        runs: list[np.ndarray | str] = ["<IMG_START>", np.arange(borders[1]), "<IMG_GRID>"]
        for number in range(1, len(grids)):
            runs.append(np.arange(borders[number], borders[number + 1]))
            if number < len(grids) - 1:
                runs.append("<IMG_COL>" if number % columns else "<IMG_ROW>")
        return (*runs, "<IMG_END>")


@lru_cache(maxsize=4096)
def covering_grid(width: int, height: int, side: int, max_tiles: int, covering: float) -> Grid:
    """Picture size → (rows, columns)."""
    shares = [(grid, _covered(width, height, grid, side) / (width * height)) for grid in candidates(1, max_tiles)]
    enough = [(grid, share) for grid, share in shares if share > covering]
    if enough:
        return min(enough, key=lambda item: (item[0][0] * item[0][1], -item[1]))[0]
    return min(shares, key=lambda item: (-item[1], item[0][0] * item[0][1]))[0]


def _covered(width: int, height: int, grid: Grid, side: int) -> float:
    """Px of a picture that its cells show; the last row and column take what does not divide."""
    rows, columns = grid
    high, wide = height // rows, width // columns
    heights = [high] * (rows - 1) + [height - high * (rows - 1)]
    widths = [wide] * (columns - 1) + [width - wide * (columns - 1)]
    return sum(_seen(w, h, side) for h in heights for w in widths)


def _seen(width: int, height: int, side: int) -> float:
    longer, shorter = max(width, height), min(width, height)
    return side * (shorter / longer * side) if longer > side else longer * shorter

"""Cells: any picture → the whole of it in one tile, then the cells of the smallest grid that shows most of it, each by itself.

Ovis 1.6 and Ovis2 in their own code (AIDC-AI/Ovis v1.6, v2.0 `visual_tokenizer/base_visual_tokenizer.py`, `preprocess_image`): the
grid is that of `Covering`; the picture and each of its cells, whole px of the source, are resized with their aspect kept and
centred on a tile of fill colour. Five learned embeddings name the grid: start, behind the whole, next column, next row, end. The
release pads behind the normalisation: `fill` is then the mean colour itself, fractions and all.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, shown_side
from omma.media.views.covering import covering_grid
from omma.schema.view import Canvas, Layout, Steps, Tile, TilePlan, Unit, View

START, WHOLE, COLUMN, ROW, END = -1, -2, -3, -4, -5


@config
class Cells(View):
    """A tile of `size` px for the whole picture and, unless one cell covers enough, for each of at most `max_tiles` cells."""

    size: int = 448
    max_tiles: int = 9
    covering: float = 0.9

    def check(self) -> None:
        super().check()
        check_side("Cells.size", self.size)
        if self.max_tiles < 1:
            raise ConfigError("Cells.max_tiles", str(self.max_tiles), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, max_tiles=min(self.max_tiles, 4))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Cells", self.size, unit)
        rows, columns = self._grid(width, height)
        cells = cell_boxes(width, height, rows, columns) if rows * columns > 1 else ()
        boxes = ((0, 0, width, height), *cells)
        canvases = tuple(shown_alone(width, height, box, self.size) for box in boxes)
        return TilePlan(width, height, canvases, tuple(Tile(i, 0, 0, shown, shown) for i in range(len(boxes))))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        _, columns = self._grid(plan.width, plan.height)
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        runs = [[START], np.arange(borders[1]), [WHOLE]]
        for number in range(1, len(grids)):
            runs.append(np.arange(borders[number], borders[number + 1]))
            if number < len(grids) - 1:
                runs.append([COLUMN] if number % columns else [ROW])
        return (np.concatenate([*runs, [END]]),)

    @property
    def layout_tokens(self) -> int:
        """Start, behind the whole, next column, next row, end."""
        return 5

    def _grid(self, width: int, height: int) -> tuple[int, int]:
        return covering_grid(width, height, self.size, self.max_tiles, self.covering)


def cell_boxes(width: int, height: int, rows: int, columns: int) -> tuple[tuple[int, int, int, int], ...]:
    """Picture size and grid → (x0, y0, x1, y1) of its cells in px, row by row; the last ones take what does not divide."""
    xs = [*(width // columns * c for c in range(columns)), width]
    ys = [*(height // rows * r for r in range(rows)), height]
    return tuple((xs[c], ys[r], xs[c + 1], ys[r + 1]) for r in range(rows) for c in range(columns))


def shown_alone(width: int, height: int, box: tuple[int, int, int, int], size: int) -> Canvas:
    """Picture size and a box of it → a square sheet that shows the box in its middle, the longer side filling the sheet."""
    x0, y0, x1, y1 = box
    across, down = x1 - x0, y1 - y0
    wide, high = (size, int(down / across * size)) if across > down else (int(across / down * size), size)
    wide, high = max(wide, 1), max(high, 1)
    left, top = (size - wide) // 2, (size - high) // 2
    return Canvas(size, size, (left, top, left + wide, top + high), (-x0, -y0, x1 - width, y1 - height))

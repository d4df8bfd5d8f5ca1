"""Slices: any picture → an overview near a tile's area with its own aspect, then the grid of slices that distorts least.

MiniCPM-V 2.x (OpenBMB/MiniCPM-V `finetune/dataset.py`, `slice_image`; transformers `models/minicpmv4_6`): with k = ⌈area / size²⌉
slices at most, grids of k − 1, k and k + 1 are compared by |log(aspect) − log(columns / rows)|, equal ones by more rows. Overview
and slices keep the aspect, their sides multiples of a visual token, their area near size². Text tags stand around each.
"""

import math
from dataclasses import replace
from typing import Self

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, filled
from omma.schema.view import Layout, Steps, Tile, TilePlan, Unit, View


@config
class Slices(View):
    """At most `max_slices` slices behind the overview.

    MiniCPM-V 2.6 and later tag a slice as here; 2.0 and 2.5 tag it as the overview and set `around` to <slice>, </slice>.
    """

    size: int = 448
    max_slices: int = 9
    overview: tuple[str, str] = ("<image>", "</image>")
    slice: tuple[str, str] = ("<slice>", "</slice>")
    around: tuple[str, str] = ("", "")

    def check(self) -> None:
        super().check()
        check_side("Slices.size", self.size)
        if self.max_slices < 1:
            raise ConfigError("Slices.max_slices", str(self.max_slices), "at least 1")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, max_slices=min(self.max_slices, 4))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        rows, columns = slice_grid(width, height, self.size, self.max_slices)
        alone = rows * columns == 1
        wide, high = self._near(width, height, unit.pixels, grow=alone)
        overview = Tile(0, 0, 0, wide, high)
        if alone:
            return TilePlan(width, height, (filled(wide, high),), (overview,))
        cell_wide, cell_high = _rounded(width, columns) / columns, _rounded(height, rows) / rows
        w, h = self._near(cell_wide, cell_high, unit.pixels, grow=True)
        tiles = (Tile(1, c * w, r * h, w, h) for r in range(rows) for c in range(columns))
        return TilePlan(width, height, (filled(wide, high), filled(w * columns, h * rows)), (overview, *tiles), main=1)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        runs: list[np.ndarray | str] = [self.overview[0], np.arange(borders[1]), self.overview[1]]
        columns = plan.canvases[plan.main].width // plan.tiles[-1].width
        if len(grids) == 1:
            return tuple(runs)
        runs.append(self.around[0])
        for number in range(1, len(grids)):
            line = "\n" if number % columns == 0 and number < len(grids) - 1 else ""
            runs += [self.slice[0], np.arange(borders[number], borders[number + 1]), self.slice[1] + line]
        return tuple(run for run in (*runs, self.around[1]) if not isinstance(run, str) or run)

    def _near(self, width: float, height: float, side: int, *, grow: bool) -> tuple[int, int]:
        """Size → (width, height) near it in whole visual tokens: shrunk to the area of a tile if it is larger, grown if so told."""
        if width * height > self.size**2 or grow:
            aspect = width / height
            height = int(self.size / math.sqrt(aspect))
            width = int(height * aspect)
        return _rounded(width, side), _rounded(height, side)


def slice_grid(width: int, height: int, size: int, most: int) -> tuple[int, int]:
    """Picture size → (rows, columns) of slices; (1, 1): no slices."""
    count = min(math.ceil(width * height / size**2), most)
    if count <= 1:
        return 1, 1
    best, least = (1, 1), math.inf
    for number in (count - 1, count, count + 1):
        if number == 1 or number > most:
            continue
        for rows in (r for r in range(1, number + 1) if number % r == 0):
            error = abs(math.log(width / height) - math.log(number // rows / rows))
            if error < least or (error == least and rows > best[0]):
                best, least = (rows, number // rows), error
    return best


def _rounded(length: float, step: int) -> int:
    return max(round(length / step) * step, step)

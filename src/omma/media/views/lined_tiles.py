"""LinedTiles: Tiles with a NEWLINE behind the tokens of each, a line break between two; among several pictures one squashed tile.

VILA-1.5 and NVILA-Lite (NVlabs/VILA `mm_utils.py`, `dynamic_preprocess`, as InternVL's; `llava_arch.py`: only a picture by
itself is cut; `encoders/image/basic.py`: the embedding of a line break ends each tile, here a learned one; the prompt writes
one more behind it).
"""

import math

import numpy as np

from omma.core.config import config
from omma.media.planning import check_picture, filled, shown_side
from omma.media.views.tiles import Tiles
from omma.schema.view import NEWLINE, Layout, Steps, Tile, TilePlan, Unit


@config
class LinedTiles(Tiles):
    """`max_tiles` 1 squashes every picture to one tile."""

    def plan_among(self, width: int, height: int, count: int, unit: Unit) -> TilePlan:
        if count <= 1:
            return self.plan(width, height, unit)
        check_picture(width, height)
        shown = shown_side("LinedTiles", self.size, unit)
        return TilePlan(width, height, (filled(self.size, self.size),), (Tile(0, 0, 0, shown, shown),))

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        runs: list[np.ndarray | str] = []
        for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            runs += [np.append(np.arange(begin, end), NEWLINE), "\n"]
        return tuple(runs[:-1])

    @property
    def layout_tokens(self) -> int:
        return 1

"""Windows: plans → which tile shows the whole of each tile's picture, and where on that one each tile lies. From sizes alone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from omma.schema.view import Tile, TilePlan

Box = tuple[float, float, float, float]
ALL: Box = (0.0, 0.0, 1.0, 1.0)


def windows(plans: Sequence[TilePlan]) -> tuple[Int64[np.ndarray, "I"], Float[np.ndarray, "I 4"]]:
    """Plans → for all their tiles the number of the tile that shows the whole picture, and (x0, y0, x1, y1) in parts of its sides.

    It is the first tile alone on a canvas from which nothing is cut off; where a picture has none, every tile counts as its own.
    A tile that shows fill colour around the picture may reach beyond 0 … 1.
    """
    numbers: list[int] = []
    boxes: list[Box] = []
    for plan in plans:
        before, first = len(numbers), _whole(plan)
        for i, tile in enumerate(plan.tiles):
            numbers.append(before + (i if first is None else first))
            boxes.append(ALL if first in (None, i) else _inside(_shown(plan, tile), _shown(plan, plan.tiles[first or 0])))
    return np.array(numbers, np.int64), np.array(boxes, np.float32).reshape(-1, 4)


def _whole(plan: TilePlan) -> int | None:
    counts = Counter(tile.canvas for tile in plan.tiles)
    alone = (i for i, t in enumerate(plan.tiles) if counts[t.canvas] == 1 and min(plan.canvases[t.canvas].border) >= 0)
    return next(alone, None)


def _shown(plan: TilePlan, tile: Tile) -> Box:
    """What a tile shows, in px of the source."""
    canvas = plan.canvases[tile.canvas]
    left, top, right, bottom = canvas.border
    x0, y0, x1, y1 = canvas.content
    across, down = (plan.width + left + right) / (x1 - x0), (plan.height + top + bottom) / (y1 - y0)
    near = (tile.x0 - x0) * across - left, (tile.y0 - y0) * down - top
    return *near, near[0] + tile.width * across, near[1] + tile.height * down


def _inside(box: Box, frame: Box) -> Box:
    wide, high = frame[2] - frame[0], frame[3] - frame[1]
    return (box[0] - frame[0]) / wide, (box[1] - frame[1]) / high, (box[2] - frame[0]) / wide, (box[3] - frame[1]) / high

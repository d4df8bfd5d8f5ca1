"""Filled polygons: whole-pixel corners → the mask that OpenCV's `fillPoly` and `polylines` draw, outline included.

ReasonSeg's masks are made so. Edges are Bresenham lines from their left end; rows between them are filled by the even-odd rule,
crossings kept in sixteen bits behind the point (opencv/opencv `modules/imgproc/src/drawing.cpp`: `LineIterator`,
`CollectPolyEdges`, `FillEdgeCollection`). Equal pixel for pixel where all corners lie in the picture; beyond it, OpenCV clips
edges before it draws them, and about 0.3% of a mask's pixels differ.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from omma.core.errors import DataError

BITS = 16
FARTHEST = 100_000  # px


def filled_polygon(polygon: Sequence[Sequence[float]], height: int, width: int) -> Bool[np.ndarray, "Y X"]:
    """Corners [[x, y], …] in px → mask. Fractions of a pixel are dropped, as a cast to whole numbers does.

    DataError for corners that are no pairs of numbers, for none, and for those far outside.
    """
    try:
        corners = np.asarray(polygon, float)
    except (TypeError, ValueError):
        raise DataError("polygon", "corners that are no pairs of numbers", "[[x, y], …] in px") from None
    if corners.ndim != 2 or corners.shape[1] != 2 or not len(corners):
        raise DataError("polygon", f"corners of shape {corners.shape}", "[[x, y], …] in px")
    if not np.abs(corners).max() <= FARTHEST:
        raise DataError("polygon", "a corner that is not a number or far outside", "px of the picture")
    whole = np.trunc(corners).astype(np.int64)
    mask = _inside(whole, height, width)
    x, y = _outline(whole)
    kept = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    mask[y[kept], x[kept]] = True
    return mask


def _outline(corners: Int[np.ndarray, "n 2"]) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Every pixel of every edge; ties of a line between two rows or columns go to the nearer end on the left."""
    before = np.roll(corners, 1, axis=0)
    swap = before[:, :1] > corners[:, :1]
    start, end = np.where(swap, corners, before), np.where(swap, before, corners)
    wide, high = np.abs(end - start).T
    flat = wide >= high
    steps, minor = np.where(flat, wide, high), np.where(flat, high, wide)
    edge = np.repeat(np.arange(len(corners)), steps + 1)
    k = np.arange(edge.size) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    long = np.maximum(steps, 1)[edge]
    moved = -((long - 2 * minor[edge] * k) // (2 * long))
    down = np.where(end[:, 1] >= start[:, 1], 1, -1)[edge]
    along_x = np.where(flat[edge], k, moved)
    along_y = np.where(flat[edge], moved, k)
    return start[edge, 0] + along_x, start[edge, 1] + down * along_y


def _inside(corners: Int[np.ndarray, "n 2"], height: int, width: int) -> Bool[np.ndarray, "Y X"]:
    """The rows between the edges, each edge with its upper end and without its lower one."""
    before = np.roll(corners, 1, axis=0)
    swap = before[:, 1:] > corners[:, 1:]
    top, bottom = np.where(swap, corners, before), np.where(swap, before, corners)
    rows = bottom[:, 1] - top[:, 1]
    fixed = (bottom[:, 0] - top[:, 0]) << BITS
    slope = np.sign(fixed) * (np.abs(fixed) // np.maximum(rows, 1))
    edge = np.repeat(np.arange(len(corners)), rows)
    k = np.arange(edge.size) - np.repeat(np.cumsum(rows) - rows, rows)
    y, x = top[edge, 1] + k, (top[edge, 0] << BITS) + slope[edge] * k
    order = np.lexsort((x, y))
    first, last = order[::2], order[1::2]
    left, right = (x[first] + (1 << BITS) - 1) >> BITS, x[last] >> BITS
    row = y[first]
    kept = (row >= 0) & (row < height) & (left <= right) & (right >= 0) & (left < width)
    changes = np.zeros((height, width + 1), np.int64)
    np.add.at(changes, (row[kept], left[kept].clip(0, width)), 1)
    np.add.at(changes, (row[kept], (right[kept] + 1).clip(0, width)), -1)
    return np.cumsum(changes, axis=1)[:, :width] > 0

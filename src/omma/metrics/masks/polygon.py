"""Polygons: corners in px → the mask COCO makes of them, pixel for pixel.

The rule is pycocotools' `frPyObjects` (cocodataset/cocoapi `common/maskApi.c`, `rleFrPoly`, at 8c9bcc3): corners are rounded
to fifths of a pixel, edges are drawn densely on that grid, and a column changes where an edge crosses its middle.
"""

from collections.abc import Sequence

import numpy as np

from omma.core.errors import DataError
from omma.metrics.masks.rle import Rle, union

FINE = 5.0  # steps a pixel
FARTHEST = 1e6  # px
LONGEST = 2e6  # px of outline; it is drawn step by step


def polygons_to_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> Rle:
    """Polygons [x, y, x, y, …] in px → the mask that any of them covers. DataError for fewer than three corners, or none."""
    return union([polygon_to_mask(polygon, height, width) for polygon in polygons])


def polygon_to_mask(polygon: Sequence[float], height: int, width: int) -> Rle:
    """One polygon [x, y, x, y, …] in px → its mask; parts outside are cut off. DataError for fewer than three corners."""
    corners = np.asarray(polygon, float)
    if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
        raise DataError("polygon", f"{corners.size} numbers", "x and y of three corners or more")
    if not np.abs(corners).max() <= FARTHEST:
        raise DataError("polygon", "a corner that is not a number or far outside", "px of the picture")
    fine = np.trunc(FINE * corners + 0.5).astype(np.int64).reshape(-1, 2)
    length = np.abs(fine - np.roll(fine, -1, axis=0)).max(axis=1).sum() / FINE
    if length > LONGEST:
        raise DataError("polygon", f"an outline of {length:,.0f} px", f"at most {LONGEST:,.0f}")
    u, v = _outline(fine)
    crossing = np.flatnonzero(u[1:] != u[:-1]) + 1
    u_here, u_last, v_here, v_last = u[crossing], u[crossing - 1], v[crossing], v[crossing - 1]
    x = (np.where(u_here < u_last, u_here, u_here - 1) + 0.5) / FINE - 0.5
    y = np.ceil(((np.minimum(v_here, v_last) + 0.5) / FINE - 0.5).clip(0, height))
    kept = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
    places, times = np.unique((x[kept] * height + y[kept]).astype(np.int64), return_counts=True)
    places = places[(times % 2 == 1) & (places < height * width)]
    return Rle(height, width, np.diff(np.concatenate([[0], places, [height * width]])).astype(np.int64))


def _outline(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 2) on the fine grid → every grid point (u, v) along the closed outline, in order."""
    start, end = corners, np.roll(corners, -1, axis=0)
    wide, high = np.abs(end - start).T
    flat = wide >= high
    flip = np.where(flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])
    low = np.where(flip[:, None], end, start)
    far = np.where(flip[:, None], start, end)
    steps = np.maximum(wide, high)
    along = np.where(flat, 0, 1)
    rows = np.arange(len(corners))
    slope = (far[rows, 1 - along] - low[rows, 1 - along]) / np.maximum(steps, 1)
    edge = np.repeat(rows, steps + 1)
    step = np.arange(edge.size) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    step = np.where(flip[edge], steps[edge] - step, step)
    run = step + low[rows, along][edge]
    rise = np.trunc(low[rows, 1 - along][edge] + slope[edge] * step + 0.5).astype(np.int64)
    return np.where(flat[edge], run, rise), np.where(flat[edge], rise, run)

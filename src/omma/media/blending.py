"""Blending: a map of visual tokens resized bilinearly, as sums of four tokens each. Sizes → indices and weights, no features.

The rule of `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`: the centre of each new cell lies at
(i + ½) · old / new − ½ on the old map, never before its first cell, and is weighted between its neighbours.
"""

import numpy as np
from jaxtyping import Float32, Int64

from omma.schema.view import Blend


def resized(index: Int64[np.ndarray, "R C"], rows: int, columns: int, time: int = 0) -> Blend:
    """Map of token numbers + new size → (rows · columns) blended tokens, row by row; `time` is the time step they stand for."""
    (top, bottom, down), (left, right, across) = _between(index.shape[0], rows), _between(index.shape[1], columns)
    corners = [index[np.ix_(r, c)] for r in (top, bottom) for c in (left, right)]
    weights = [np.outer(r, c) for r in (1 - down, down) for c in (1 - across, across)]
    place = np.stack([np.full((rows, columns), time), *np.indices((rows, columns))], axis=-1)
    return Blend(
        np.stack(corners, -1).reshape(-1, 4), np.stack(weights, -1).reshape(-1, 4).astype(np.float32), place.reshape(-1, 3)
    )


def _between(old: int, new: int) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """Old and new number of cells on an axis → the cell before, the cell behind, and how much the one behind weighs."""
    source = np.maximum((np.arange(new) + 0.5) * np.float32(old / new) - 0.5, 0).astype(np.float32)
    before = np.minimum(source.astype(np.int64), old - 1)
    return before, np.minimum(before + 1, old - 1), source - before.astype(np.float32)

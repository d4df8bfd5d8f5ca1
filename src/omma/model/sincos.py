"""Sine-cosine positions of a grid: (rows, columns) → (rows · columns, D), the column in the first half of D, the row in the second.

Half of D: sin(x ωᵢ) for i < D/4, then cos(x ωᵢ), ωᵢ = 10000^(−4i/D) (MAE, arXiv 2111.06377; its released code puts columns first).
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from omma.core.errors import ShapeError
from omma.nn.grids import GridRows


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def sincos_grid(rows: int, columns: int, dim: int) -> Float[Tensor, "P D"]:
    """Positions 0, 1, 2 … of rows and columns. ShapeError unless 4 divides the width."""
    if dim % 4:
        raise ShapeError("model.sincos", f"width {dim}", "a multiple of 4: sine and cosine of row and column")
    frequencies = 10000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    angles = [x.flatten()[:, None] * frequencies for x in (column, row)]
    return torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1).float()


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def stretched_sincos(side: int, rows: int, columns: int, dim: int) -> Float[Tensor, "P D"]:
    """The table of a side × side grid interpolated bicubically to rows × columns, as Qwen-VL reads it for its patches."""
    table = sincos_grid(side, side, dim)
    if (rows, columns) == (side, side):
        return table
    square = table.unflatten(0, (side, side)).permute(2, 0, 1)[None]
    return interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False)[0].flatten(1).T.contiguous()


def over_frames(table: dict[tuple[int, int], Float[Tensor, "P D"]], rows: GridRows) -> Float[Tensor, "T D"]:
    """Tables by (rows, columns) → the positions of every patch of the stream, each frame its grid's."""
    return torch.cat([table[r, c] for t, r, c in rows for _ in range(t)])

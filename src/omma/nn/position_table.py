"""Positions that are added to patches: a learned square table read at any grid, or sines and cosines. Grids → (P, D).

A table of side × side rows is read as it stands by a grid of its own size, and resized for others as the released towers do.
"""

from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from omma.nn.grids import GridRows, patch_places

# smooth: with antialiasing when the grid is smaller than the table; corners: the table's corners meet the grid's corners;
# buckets: nothing is resized, patch i of n reads row ⌊i · side / n⌋ (Idefics2, MiniCPM-V), computed in fp32 as those do.
Resize = Literal["bicubic", "bicubic_smooth", "bilinear_smooth", "bilinear_corners", "buckets"]
KINDS: dict[Resize, dict[str, Any]] = {
    "bicubic": {"mode": "bicubic", "align_corners": False},
    "bicubic_smooth": {"mode": "bicubic", "align_corners": False, "antialias": True},
    "bilinear_smooth": {"mode": "bilinear", "align_corners": False, "antialias": True},
    "bilinear_corners": {"mode": "bilinear", "align_corners": True},
}


def read_table(table: Float[Tensor, "S D"], side: int, rows: GridRows, kind: Resize) -> Float[Tensor, "P D"]:
    """Table of side² positions + grids → position of each patch of the stream. Distinct grids are resized once each."""
    shapes = sorted({(r, c) for _, r, c in rows})
    square = table.float().unflatten(0, (side, side)).permute(2, 0, 1)[None]
    as_it_stands = [] if kind == "buckets" else [(side, side)]
    sheets = [table if shape in as_it_stands else _resized(square, shape, kind).to(table.dtype) for shape in shapes]
    return torch.cat([table[:0], *sheets])[_table_index(rows, table.device)]


def sincos_2d(rows: GridRows, dim: int, device: torch.device) -> Float[Tensor, "P D"]:
    """Grids → sines and cosines of the column, then of the row, with `dim` / 4 frequencies 10000^(−i / (dim / 4)) each.

    The order of transformers' `Aimv2VisionModel`, which is that of MAE's released code.
    """
    row, column = patch_places(rows, device)[:, 2:].double().unbind(1)
    omega = 10_000.0 ** -(torch.arange(dim // 4, device=device, dtype=torch.float64) / (dim // 4))
    angles = [axis[:, None] * omega for axis in (column, row)]
    return torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1).float()


def _resized(square: Float[Tensor, "1 D S S"], shape: tuple[int, int], kind: Resize) -> Float[Tensor, "Q D"]:
    if kind == "buckets":
        rows, columns = (_buckets(count, square.shape[-1]).to(square.device) for count in shape)
        return square[0][:, rows][:, :, columns].permute(1, 2, 0).flatten(0, 1)
    return interpolate(square, size=shape, **KINDS[kind])[0].permute(1, 2, 0).flatten(0, 1)


def _buckets(count: int, side: int) -> Int[Tensor, "n"]:
    """Patches along one axis → row of the table that each reads (transformers `models/idefics2`, `Idefics2VisionEmbeddings`)."""
    return torch.bucketize(torch.arange(0, 1 - 1e-6, 1 / count), torch.arange(1 / side, 1.0, 1 / side), right=True)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _table_index(rows: GridRows, device: torch.device) -> Int[Tensor, "P"]:
    """Row of each patch in the sheets of the distinct grids, sorted and put one behind the other."""
    first, total = {}, 0
    for r, c in sorted({(r, c) for _, r, c in rows}):
        first[r, c], total = total, total + r * c
    pieces = [torch.arange(first[r, c], first[r, c] + r * c).repeat(t) for t, r, c in rows]
    return torch.cat([torch.zeros(0, dtype=torch.long), *pieces]).to(device)

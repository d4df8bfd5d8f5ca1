"""Grids of packed patches: (I, 3) time, rows, columns per tile → index tensors over the stream, computed once per set of grids."""

from functools import lru_cache

import torch
from jaxtyping import Int
from torch import Tensor

from omma.core.errors import ShapeError

GridRows = tuple[tuple[int, int, int], ...]  # grids on the host, the key under which indices are kept


def on_host(grids: Int[Tensor, "I 3"]) -> GridRows:
    """(I, 3) → hashable rows."""
    return tuple((t, r, c) for t, r, c in grids.tolist())


def num_patches(rows: GridRows) -> int:
    """Patches of all tiles."""
    return sum(t * r * c for t, r, c in rows)


@lru_cache(maxsize=64)
def tile_borders(rows: GridRows, device: torch.device) -> Int[Tensor, "I1"]:
    """Grids → cu_seqlens of one document per tile."""
    borders = [0]
    for t, r, c in rows:
        borders.append(borders[-1] + t * r * c)
    return torch.tensor(borders, device=device)


@lru_cache(maxsize=64)
def patch_places(rows: GridRows, device: torch.device) -> Int[Tensor, "P 4"]:
    """Grids → tile, frame, row and column of every patch of the stream."""
    grids = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)
    counts = grids.prod(dim=1)
    tile = torch.repeat_interleave(torch.arange(len(rows)), counts)
    inside = torch.arange(len(tile)) - (counts.cumsum(0) - counts)[tile]
    _, height, width = grids[tile].unbind(1)
    return torch.stack((tile, inside // (height * width), inside // width % height, inside % width), dim=1).to(device)


@lru_cache(maxsize=64)
def square_groups(rows: GridRows, factor: int, device: torch.device) -> Int[Tensor, "N F"]:
    """Grids → for each factor × factor square, tile by tile and row-major, the stream indices of its patches, row-major.

    Raises ShapeError for a grid whose sides the factor does not divide.
    """
    for _, r, c in rows:
        if r % factor or c % factor:
            raise uneven(r, c, factor)
    small = tuple((t, r // factor, c // factor) for t, r, c in rows)
    cpu = torch.device("cpu")
    tile, frame, row, column = patch_places(small, cpu).unbind(1)
    _, height, width = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)[tile].unbind(1)
    corner = tile_borders(rows, cpu)[tile] + (frame * height + row * factor) * width + column * factor
    step = torch.arange(factor)
    inside = step[None, :, None] * width[:, None, None] + step[None, None, :]
    return (corner[:, None, None] + inside).flatten(1).to(device)


def uneven(rows: int, columns: int, factor: int) -> ShapeError:
    """The error for a grid that squares of side `factor` do not tile."""
    fix = "take a view whose sides are multiples of patch × merge, or another connector"
    return ShapeError("model.connector", f"a grid of {rows} × {columns} patches", f"sides that {factor} divides", fix)

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
@torch.inference_mode(False)
def tile_borders(rows: GridRows, device: torch.device) -> Int[Tensor, "I1"]:
    """Grids → cu_seqlens of one document per tile."""
    borders = [0]
    for t, r, c in rows:
        borders.append(borders[-1] + t * r * c)
    return torch.tensor(borders, device=device)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def patch_places(rows: GridRows, device: torch.device) -> Int[Tensor, "P 4"]:
    """Grids → tile, frame, row and column of every patch of the stream."""
    grids = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)
    counts = grids.prod(dim=1)
    tile = torch.repeat_interleave(torch.arange(len(rows)), counts)
    inside = torch.arange(len(tile)) - (counts.cumsum(0) - counts)[tile]
    _, height, width = grids[tile].unbind(1)
    return torch.stack((tile, inside // (height * width), inside // width % height, inside % width), dim=1).to(device)


def single_frames(rows: GridRows) -> GridRows:
    """Grids → one grid per frame."""
    return tuple((1, r, c) for t, r, c in rows for _ in range(t))


def paired_frames(rows: GridRows, frames: int) -> GridRows:
    """Grids → grids whose time steps are `frames` frames each; a rest of fewer frames is a step too."""
    return tuple((-(-t // frames), r, c) for t, r, c in rows)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def frame_groups(rows: GridRows, frames: int, device: torch.device) -> Int[Tensor, "N F"]:
    """Grids → for each patch of each time step the stream indices of its `frames` patches; the last frame fills a rest."""
    cpu = torch.device("cpu")
    tile, step, row, column = patch_places(paired_frames(rows, frames), cpu).unbind(1)
    count, height, width = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)[tile].unbind(1)
    frame = torch.minimum(step[:, None] * frames + torch.arange(frames), count[:, None] - 1)
    inside = (frame * height[:, None] + row[:, None]) * width[:, None] + column[:, None]
    return (tile_borders(rows, cpu)[tile][:, None] + inside).to(device)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def window_order(rows: GridRows, side: int, device: torch.device) -> tuple[Int[Tensor, "P"], Int[Tensor, "W1"]]:
    """Grids → (order of the stream in which each window of side × side patches of a frame stands together; their borders).

    Windows begin at the upper left corner of a frame; those at its right and lower edge are what remains.
    """
    tile, frame, row, column = patch_places(rows, torch.device("cpu")).unbind(1)
    numbers = torch.stack((tile, frame, row // side, column // side), dim=1)
    _, window = torch.unique(numbers, dim=0, return_inverse=True)
    order = torch.argsort(window, stable=True)
    lengths = torch.bincount(window)
    return order.to(device), torch.cat((torch.zeros(1, dtype=torch.long), lengths.cumsum(0))).to(device)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
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

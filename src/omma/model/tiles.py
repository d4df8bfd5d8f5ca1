"""Tiles as a stream: features (P, D) + grids (I, 3) → Stream with one document per tile; and the check of what comes in."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.errors import ShapeError
from omma.model.slots import Encoder
from omma.nn.grids import num_patches, on_host, patch_places, tile_borders
from omma.schema.batch import Pictures, Stream


def tile_stream(hidden: Float[Tensor, "P D"], grids: Int[Tensor, "I 3"]) -> Stream:
    """Patch features + grids → Stream: one document per tile, positions (row, column), modality 1."""
    rows, device = on_host(grids), hidden.device
    places = patch_places(rows, device)
    count = torch.arange(len(hidden), device=device)
    return Stream(hidden, places[:, 2:], tile_borders(rows, device), torch.ones_like(count), count)


def regrid(grids: Int[Tensor, "I 3"], encoder: Encoder) -> Int[Tensor, "I 3"]:
    """Grids of patches in frames → grids of an encoder's features in time steps."""
    rows = [(-(-t // encoder.temporal), *encoder.grid((r, c))) for t, r, c in on_host(grids)]
    return torch.tensor(rows, dtype=grids.dtype, device=grids.device).reshape(-1, 3)


def check_pictures(pictures: Pictures) -> None:
    """Raise ShapeError unless the patches are those of the grids."""
    rows, count = on_host(pictures.grids), len(pictures.patches)
    if num_patches(rows) != count:
        raise ShapeError("model.encoder", f"{count} patches", f"{num_patches(rows)}, the sum over {len(rows)} grids")

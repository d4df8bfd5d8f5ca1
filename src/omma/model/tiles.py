"""Tiles as a stream: features (P, D) + grids (I, 3) → Stream with one document per tile; and the check of what comes in."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.errors import ShapeError
from omma.nn.grids import num_patches, on_host, patch_places, tile_borders
from omma.schema.batch import Pictures, Stream


def tile_stream(hidden: Float[Tensor, "P D"], grids: Int[Tensor, "I 3"]) -> Stream:
    """Patch features + grids → Stream: one document per tile, positions (row, column), modality 1."""
    rows, device = on_host(grids), hidden.device
    places = patch_places(rows, device)
    count = torch.arange(len(hidden), device=device)
    return Stream(hidden, places[:, 2:], tile_borders(rows, device), torch.ones_like(count), count)


def check_pictures(pictures: Pictures) -> None:
    """Raise ShapeError unless the patches are those of the grids and every tile is one frame."""
    rows, count = on_host(pictures.grids), len(pictures.patches)
    if num_patches(rows) != count:
        raise ShapeError("model.encoder", f"{count} patches", f"{num_patches(rows)}, the sum over {len(rows)} grids")
    frames = max((t for t, _, _ in rows), default=1)
    if frames > 1:
        raise ShapeError("model.encoder", f"a tile of {frames} frames", "1", "hand in each frame of a video as a tile of its own")

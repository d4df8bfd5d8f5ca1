"""Tiles as a stream: features (P, D) + grids (I, 3) → Stream with one document per tile; which tiles belong together."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from omma.core.errors import ShapeError
from omma.model.slots import Encoder
from omma.nn.grids import num_patches, on_host, patch_places, tile_borders
from omma.schema.batch import Asked, Pictures, Stream, Windows


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


def windows_of(windows: Windows | None, grids: Int[Tensor, "I 3"]) -> Windows:
    """What is known of tiles that belong together, and grids → the same; where nothing is, every tile is a picture of its own."""
    if windows is not None:
        return windows
    count = len(grids)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0], device=grids.device)
    return Windows(torch.arange(count, device=grids.device), whole.expand(count, 4))


def chosen(pictures: Pictures, which: Bool[Tensor, "I"]) -> Pictures:
    """Pictures + which of their tiles → these alone, each as a picture of its own; all of them stay as they are."""
    if which.all():
        return pictures
    patches = pictures.patches[which[patch_places(on_host(pictures.grids), pictures.patches.device)[:, 0]]]
    if pictures.asked is None:
        return Pictures(patches, pictures.grids[which])
    lengths = pictures.asked.cu_seqlens.diff()
    tokens = pictures.asked.tokens[which.repeat_interleave(lengths)]
    borders = torch.cat((lengths.new_zeros(1), lengths[which].cumsum(0)))
    return Pictures(patches, pictures.grids[which], Asked(tokens, borders))


def check_pictures(pictures: Pictures) -> None:
    """Raise ShapeError unless the patches are those of the grids."""
    rows, count = on_host(pictures.grids), len(pictures.patches)
    if num_patches(rows) != count:
        raise ShapeError("model.encoder", f"{count} patches", f"{num_patches(rows)}, the sum over {len(rows)} grids")

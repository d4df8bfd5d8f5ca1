"""Patch embedding: raw patches (P, 3·p²) uint8 → (P, D), normalised and projected by one matrix.

The values of a patch stand in (channel, row, column) order, so the matrix is a Conv2d weight (D, 3, p, p), flattened; over
several frames it is a Conv3d weight (D, 3, frames, p, p).
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from omma.core.errors import ShapeError
from omma.nn.grids import GridRows, frame_groups

Colour = tuple[float, float, float]


class PatchEmbedding(nn.Module):
    """(pixel / 255 − mean) / std, then a linear map. `mean` and `std` are those of 0..1 colour channels.

    With `frames` > 1 so many frames of a video are embedded as one time step. The last frame of a video fills its last
    time step, so that a still stands for all frames of its only one.
    """

    def __init__(self, patch: int, dim: int, *, mean: Colour, std: Colour, bias: bool, frames: int = 1) -> None:
        super().__init__()
        self.patch, self.mean, self.std, self.frames = patch, mean, std, frames
        self.project = nn.Linear(3 * frames * patch * patch, dim, bias=bias)

    def forward(self, patches: Shaped[Tensor, "P C"], rows: GridRows = ()) -> Float[Tensor, "N D"]:
        """Raw patches (and, for several frames at a time, the grids they come in) → one row per patch and time step."""
        normed = normalised(patches, self.patch, self.mean, self.std).to(self.project.weight.dtype)
        if self.frames > 1:
            groups_NFC = normed[frame_groups(rows, self.frames, patches.device)]
            normed = groups_NFC.unflatten(2, (3, -1)).transpose(1, 2).flatten(1)
        return self.project(normed)


def normalised(patches: Shaped[Tensor, "P C"], patch: int, mean: Colour, std: Colour) -> Float[Tensor, "P C"]:
    """Raw patches → (pixel / 255 − mean) / std, channel by channel. ShapeError for patches of another side."""
    values = 3 * patch * patch
    if patches.shape[1] != values:
        fix = f"the pictures were cut into other patches than {patch} px"
        raise ShapeError("model.encoder", f"{patches.shape[1]} values per patch", str(values), fix)
    scale, shift = _affine(mean, std, patch, patches.device)
    return patches.float() * scale + shift


@lru_cache(maxsize=16)
def _affine(mean: Colour, std: Colour, patch: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and std per channel → scale and shift per patch value. Made on first use: a buffer would not survive a meta build."""
    mean_C, std_C = (torch.tensor(c, dtype=torch.float64).repeat_interleave(patch * patch) for c in (mean, std))
    return (1 / (255 * std_C)).float().to(device), (-mean_C / std_C).float().to(device)

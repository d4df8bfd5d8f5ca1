"""ConvNeXt (arXiv 2201.03545) and its version 2 (arXiv 2301.00808): Pictures → Stream on the grid of patches of the total stride.

x ← x + γ · W₂ f(W₁ LN(depthwise 7 × 7 of x)), with half the map from one stage to the next; version 2 has a norm of responses
behind f and no γ. Matches transformers `ConvNextModel` and `ConvNextV2Model`; all stages as cells: dvlab-research/MGM
`openclip_encoder.py`.
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.convolutions import ChannelNorm, Depthwise
from omma.model.feature_maps import on_maps
from omma.model.slots import Encoder, EncoderModule, Pace
from omma.model.tiles import check_pictures, tile_stream
from omma.nn.block import Chain, ChannelScale
from omma.nn.init import ResidualLinear, SelfScaled
from omma.nn.mlp import ACTIVATIONS, Activation
from omma.nn.patches import normalised
from omma.schema.batch import Pictures, Stream

KERNEL, WIDENED = 7, 4  # side of the depthwise filters; the MLP's width in widths of the stage
RESPONSE_EPS = 1e-6


@config
class ConvNext(Encoder):
    """`patch` is the stride of the last stage, `stem` · 2^(stages − 1) px. Sizes are given stage by stage.

    `layer_scale` > 0 is where the channel scales γ start; 0 for none. `response_norm` is version 2's. `features` are those of
    the `last` stage, or `cells`: all stages side by side at the places of the first, deeper ones enlarged bilinearly, and for
    each patch the cells on it, row by row.
    """

    patch: int = 32
    stem: int = 4
    widths: tuple[int, ...] = (96, 192, 384, 768)
    depths: tuple[int, ...] = (3, 3, 9, 3)
    activation: Activation = "gelu"
    norm_eps: float = 1e-6
    layer_scale: float = 1e-6
    response_norm: bool = False
    features: Literal["last", "cells"] = "last"

    @property
    def width(self) -> int:
        """Width of the last stage."""
        return self.widths[-1]

    @property
    def cell_width(self) -> int:
        """Width of all stages side by side."""
        return sum(self.widths)

    @property
    def cells(self) -> int:
        """Places of the first stage per side of a patch."""
        return self.patch // self.stem

    @property
    def out_width(self) -> int:
        """The last stage's width, or that of all cells of a patch."""
        return self.width if self.features == "last" else self.cells**2 * self.cell_width

    def check(self) -> None:
        if not self.widths or len(self.widths) != len(self.depths):
            got = f"{len(self.widths)} widths and {len(self.depths)} depths"
            raise ConfigError("ConvNext.depths", got, "one of each for every stage")
        stride = self.stem * 2 ** (len(self.widths) - 1)
        if self.patch != stride:
            raise ConfigError("ConvNext.patch", f"{self.patch} px", f"{stride}, the stride of stage {len(self.widths)}")

    def tiny(self) -> "ConvNext":
        """Patch 8: two stages of a block each."""
        return replace(self, patch=8, stem=4, widths=(4, 8), depths=(1, 1))

    def build(self) -> "ConvNextModule":
        return ConvNextModule(self)


class Shrink(nn.Conv2d, SelfScaled):
    """Squares of `side` × `side` places → one place each."""

    def __init__(self, in_dim: int, out_dim: int, side: int) -> None:
        super().__init__(in_dim, out_dim, side, stride=side)

    def stds(self) -> dict[str, float]:
        """By the values that each output sums."""
        return {"weight": (self.in_channels * self.kernel_size[0] ** 2) ** -0.5}

    def constants(self) -> dict[str, float]:
        """No bias at first."""
        return {"bias": 0.0}


class ResponseNorm(SelfScaled):
    """maps (n, r, c, D) + weight · maps · e / mean(e) + bias, e (n, 1, 1, D) the norm of each channel over its map."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(dim)), nn.Parameter(torch.empty(dim))

    def constants(self) -> dict[str, float]:
        """The identity at first."""
        return {"weight": 0.0, "bias": 0.0}

    def forward(self, maps: Float[Tensor, "n r c D"]) -> Float[Tensor, "n r c D"]:
        energy = torch.linalg.vector_norm(maps, dim=(1, 2), keepdim=True)
        share = energy / (energy.mean(dim=-1, keepdim=True) + RESPONSE_EPS)
        return maps + self.weight * (maps * share) + self.bias


class ConvNextBlock(nn.Module):
    """Maps (n, D, r, c) → maps of that size."""

    def __init__(self, cfg: ConvNext, dim: int) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[cfg.activation]
        self.depthwise, self.norm = Depthwise(dim, kernel=KERNEL, bias=True), nn.LayerNorm(dim, cfg.norm_eps)
        self.up = nn.Linear(dim, WIDENED * dim)
        self.response = ResponseNorm(WIDENED * dim) if cfg.response_norm else nn.Identity()
        self.down = ResidualLinear(WIDENED * dim, dim, depth=sum(cfg.depths), bias=True)
        self.scale = ChannelScale(dim, cfg.layer_scale) if cfg.layer_scale else nn.Identity()

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r c"]:
        places = self.norm(self.depthwise(maps).movedim(1, -1))
        branch = self.down(self.response(self.activate(self.up(places))))
        return maps + self.scale(branch.flatten(0, 2)).view_as(branch).movedim(-1, 1)


class ConvNextStage(nn.Module):
    """Maps (n, C, r, c) → maps (n, D, r / 2, c / 2), in the first stage as large as they came."""

    def __init__(self, cfg: ConvNext, number: int) -> None:
        super().__init__()
        dim, before = cfg.widths[number], cfg.widths[max(0, number - 1)]
        self.shrink_norm = ChannelNorm(before, cfg.norm_eps) if number else nn.Identity()
        self.shrink = Shrink(before, dim, 2) if number else nn.Identity()
        self.blocks = Chain(*(ConvNextBlock(cfg, dim) for _ in range(cfg.depths[number])))

    def forward(self, maps: Float[Tensor, "n C r c"]) -> Float[Tensor, "n D r2 c2"]:
        return self.blocks(self.shrink(self.shrink_norm(maps)))


class ConvNextModule(EncoderModule):
    """Each frame of a tile is a map by itself; beyond its edges there are zeros."""

    def __init__(self, cfg: ConvNext) -> None:
        super().__init__()
        self.cfg = cfg
        self.stem, self.stem_norm = Shrink(3, cfg.widths[0], cfg.stem), ChannelNorm(cfg.widths[0], cfg.norm_eps)
        self.stages = nn.ModuleList(ConvNextStage(cfg, number) for number in range(len(cfg.widths)))

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        cfg = self.cfg
        values = normalised(pictures.patches, cfg.patch, cfg.mean, cfg.std).to(self.stem.weight.dtype)
        return tile_stream(on_maps(values, pictures.grids, self._see), pictures.grids)

    def paces(self) -> dict[str, Pace]:
        """Each stage has twice the places per side of the next; the last has one for every patch."""
        names = ["stem", *(f"stages.{number}" for number in range(len(self.stages)))]
        last = len(self.stages) - 1
        return {name: Pace.zoomed(2 ** (last - max(0, number - 1))) for number, name in enumerate(names)}

    def _see(self, patches: Float[Tensor, "n C r c"]) -> Float[Tensor, "n E r c"]:
        """Maps of patch values → maps of features."""
        maps = self.stem_norm(self.stem(pixel_shuffle(patches, self.cfg.patch)))
        levels = []
        for stage in self.stages:
            maps = stage(maps)
            levels.append(maps)
        return maps if self.cfg.features == "last" else self._cells(levels)

    def _cells(self, levels: list[Tensor]) -> Float[Tensor, "n E r c"]:
        """Maps of all stages → for each patch its cells, one behind the other."""
        first, *deeper = levels
        size, dtype = first.shape[2:], first.dtype
        large = [interpolate(level.float(), size=size, mode="bilinear").to(dtype) for level in deeper]
        by_patch = pixel_unshuffle(torch.cat((first, *large), dim=1), self.cfg.cells)
        return by_patch.unflatten(1, (self.cfg.cell_width, -1)).transpose(1, 2).flatten(1, 2)

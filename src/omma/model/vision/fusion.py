"""Fusion: several encoders look at the same tiles → one Stream. Side by side, added, one behind the other, or as finer taps.

`channels`: Prismatic and OpenVLA, MouSi, ChatRex. `sum`: POINTS' weighted average (arXiv 2409.04828).
`tokens`: MouSi's longer sequences. `taps`: Mini-Gemini's two resolutions (arXiv 2403.18814), which the connector
`PatchInfoMining` reads.
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.feature_maps import on_maps
from omma.model.slots import Encoder, EncoderModule, Grid, Pace
from omma.model.tiles import check_pictures, regrid, tile_stream
from omma.model.vision.vit import ViT
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Pictures, Stream

DINO = ViT(patch=14, width=1024, depth=24, heads=16, mlp_width=4096, image_size=518, activation="gelu", class_token=True,
           layer_scale=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # fmt: skip
SIGLIP = ViT(patch=14, width=1152, depth=27, heads=16, mlp_width=4304, image_size=378)


@config
class Fusion(Encoder):
    """`encoders[i]` sees each tile so large that its grid of patches is `zooms[i]` times as fine per side as the tile's own.

    `patch` is the side that tiles are cut by, as the first encoder takes them; others get them resized to patches of their
    own: `bicubic` with antialiasing, or `bilinear` without (Mini-Gemini). Finer features are averaged bilinearly down to the
    tile's grid, but for `taps`, where the finer cells of each patch are handed on side by side beside the first encoder's
    features; there tiles may be cut by any encoder's patch, so that what it looks for is still on them. `weights` are those
    of a `sum`. Colours are normalised by each encoder itself.
    """

    patch: int = 14
    encoders: tuple[Encoder, ...] = (DINO, SIGLIP)
    zooms: tuple[int, ...] = (1, 1)
    how: Literal["channels", "sum", "tokens", "taps"] = "channels"
    weights: tuple[float, ...] = ()
    resample: Literal["bicubic", "bilinear"] = "bicubic"

    @property
    def width(self) -> int:
        """Width of what is handed on for a patch."""
        own = [encoder.out_width for encoder in self.encoders]
        return sum(own) if self.how == "channels" else own[0]

    def grid(self, patches: Grid) -> Grid:
        """The tile's own grid, or all tokens of all encoders in one row."""
        cells = patches[0] * patches[1]
        return (1, cells * sum(zoom**2 for zoom in self.zooms)) if self.how == "tokens" else patches

    def check(self) -> None:
        if len(self.encoders) < 2 or len(self.zooms) != len(self.encoders) or any(zoom < 1 for zoom in self.zooms):
            got = f"{len(self.encoders)} encoders with zooms {self.zooms}"
            raise ConfigError("Fusion.zooms", got, "at least two encoders, and a whole zoom from 1 for each")
        sides = [encoder.patch for encoder in self.encoders]
        if self.patch not in (sides if self.how == "taps" else sides[:1]) or self.zooms[0] != 1:
            got = f"patch {self.patch}, zoom {self.zooms[0]} of an encoder with patch {sides[0]}"
            raise ConfigError("Fusion.patch", got, "the first encoder's patch (of any, for taps), and 1")
        if any(encoder.temporal > 1 or encoder.grid((2, 2)) != (2, 2) for encoder in self.encoders):
            raise ConfigError("Fusion.encoders", "one that hands on other tokens than patches", "features='patches', temporal=1")
        if len(self.weights) != (len(self.encoders) if self.how == "sum" else 0):
            raise ConfigError("Fusion.weights", str(self.weights), "one weight per encoder for how='sum', none otherwise")
        widths = [encoder.out_width for encoder in self.encoders]
        if self.how in ("sum", "tokens") and len(set(widths)) > 1:
            raise ConfigError("Fusion.encoders", f"widths {widths}", f"equal ones for how={self.how!r}")

    def tiny(self) -> "Fusion":
        """Tiny encoders."""
        encoders: tuple[Encoder, ...] = tuple(encoder.tiny() for encoder in self.encoders)
        return replace(self, patch=encoders[0].patch, encoders=encoders)

    def build(self) -> "FusionModule":
        return FusionModule(self)


class FusionModule(EncoderModule):
    """See `Fusion`."""

    def __init__(self, cfg: Fusion) -> None:
        super().__init__()
        self.cfg = cfg
        self.encoders = nn.ModuleList(encoder.build() for encoder in cfg.encoders)

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        seen = [self._look(i, pictures) for i in range(len(self.encoders))]
        first = seen[0]
        if self.cfg.how == "taps":
            zoomed = zip(seen[1:], self.cfg.zooms[1:], strict=True)
            taps = tuple(fine if zoom == 1 else _side_by_side(fine, pictures.grids, zoom) for fine, zoom in zoomed)
            return replace(tile_stream(first, pictures.grids), taps=taps)
        if self.cfg.how == "tokens":
            return tile_stream(self._in_rows(seen, pictures.grids), regrid(pictures.grids, self.cfg))
        level = [_coarser(fine, pictures.grids, zoom) for fine, zoom in zip(seen, self.cfg.zooms, strict=True)]
        if self.cfg.how == "sum":
            total = sum((w * own for w, own in zip(self.cfg.weights, level, strict=True)), torch.zeros_like(first))
            return tile_stream(total, pictures.grids)
        return tile_stream(torch.cat(level, dim=1), pictures.grids)

    def paces(self) -> dict[str, Pace]:
        """Each encoder sees a grid of its own."""
        return {f"encoders.{number}": Pace.zoomed(zoom) for number, zoom in enumerate(self.cfg.zooms)}

    def _look(self, number: int, pictures: Pictures) -> Float[Tensor, "P D"]:
        """Features of one encoder on its own grid."""
        zoom, patch = self.cfg.zooms[number], self.cfg.encoders[number].patch
        if (zoom, patch) == (1, self.cfg.patch):
            return self.encoders[number](pictures).hidden
        resized = _resized(pictures, self.cfg.patch, zoom, patch, self.cfg.resample)
        return self.encoders[number](Pictures(resized, _finer(pictures.grids, zoom))).hidden

    def _in_rows(self, seen: list[Float[Tensor, "P D"]], grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        """Features of all encoders, frame by frame one behind the other."""
        frames = [r * c for t, r, c in on_host(grids) for _ in range(t)]
        pieces = [own.split([n * zoom**2 for n in frames]) for own, zoom in zip(seen, self.cfg.zooms, strict=True)]
        return torch.cat([piece for frame in zip(*pieces, strict=True) for piece in frame])


def _finer(grids: Int[Tensor, "I 3"], zoom: int) -> Int[Tensor, "I 3"]:
    return torch.cat((grids[:, :1], grids[:, 1:] * zoom), dim=1)


def _side_by_side(hidden: Float[Tensor, "P D"], grids: Int[Tensor, "I 3"], zoom: int) -> Float[Tensor, "Q E"]:
    """Features on a grid `zoom` times as fine → on the grid itself, the cells of each patch row by row in one vector."""
    return hidden[square_groups(on_host(_finer(grids, zoom)), zoom, hidden.device)].flatten(1)


def _coarser(hidden: Float[Tensor, "P D"], grids: Int[Tensor, "I 3"], zoom: int) -> Float[Tensor, "Q D"]:
    """Features on a grid `zoom` times as fine → on the grid itself, bilinear without antialiasing."""
    if zoom == 1:
        return hidden
    return on_maps(hidden, _finer(grids, zoom), lambda maps: interpolate(maps, scale_factor=1 / zoom, mode="bilinear"))


def _resized(pictures: Pictures, old: int, zoom: int, new: int, how: Literal["bicubic", "bilinear"]) -> Tensor:
    """Tiles in patches of `old` px → the same in patches of `new` px on a grid `zoom` times as fine; bicubic: in whole values."""

    def resize(maps: Float[Tensor, "n C r c"]) -> Float[Tensor, "n E r2 c2"]:
        size = (maps.shape[2] * zoom * new, maps.shape[3] * zoom * new)
        large = interpolate(pixel_shuffle(maps, old), size=size, mode=how, antialias=how == "bicubic")
        return pixel_unshuffle(large, new)

    resized = on_maps(pictures.patches.float(), pictures.grids, resize)
    return resized.round().clamp(0, 255).to(torch.uint8) if how == "bicubic" else resized

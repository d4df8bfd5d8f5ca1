"""SPHINX's mixed embeddings (arXiv 2311.07575): Pictures → Stream of four towers' features and of a Q-Former's states.

For each tile, all rows of CLIP (normed), ConvNeXt and DINOv2 side by side; ConvNeXt sees the tile at another size (nearest pixels),
its normed places are repeated over `stride` × `stride` patches and their mean stands beside the class tokens. In front of these
rows the states of BLIP-2's Q-Former over a tower of its own. Follows Alpha-VLLM/LLaMA2-Accessory
`accessory/model/LLM/llama_ens5.py`; a DINOv2 table is resized as by transformers, without the offset of 0.1 of the released code.
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.connectors.q_former import QFormer, QFormerModule
from omma.model.feature_maps import on_maps
from omma.model.slots import Encoder, EncoderModule, Grid, Pace
from omma.model.tiles import check_pictures, regrid, tile_stream
from omma.model.vision.conv_next import ConvNext
from omma.model.vision.vit import ViT
from omma.nn.grids import on_host, patch_places, single_frames
from omma.schema.batch import Pictures, Stream

CLIP = ViT(patch=14, width=1024, depth=24, heads=16, mlp_width=4096, activation="quick_gelu", class_token=True, input_norm=True,
           patch_bias=False, norm_eps=1e-5)  # fmt: skip
DINO = ViT(patch=14, width=1536, depth=40, heads=24, mlp_width=4096, image_size=518, mlp="gated", activation="silu",
           class_token=True, layer_scale=1.0)  # fmt: skip
EVA = ViT(patch=14, width=1408, depth=39, heads=16, mlp_width=6144, activation="gelu", class_token=True)
CONVNEXT = ConvNext(widths=(384, 768, 1536, 3072), depths=(3, 4, 30, 3), norm_eps=1e-5)


@config
class Sphinx(Encoder):
    """`features` are those of the patches alone, or `all`: a tile's `queries.queries` states, filled up with zeros to the width
    of the rest, then its class tokens and its patches. Without them, Q-Former and `eva`, its tower, are not built.

    The ViTs cut tiles by one `patch` and have a class token; each tower normalises colours itself.
    """

    patch: int = 14
    clip: ViT = CLIP
    convnext: ConvNext = CONVNEXT
    dino: ViT = DINO
    eva: ViT = EVA
    queries: QFormer = QFormer()
    stride: int = 2
    features: Literal["patches", "all"] = "patches"

    @property
    def width(self) -> int:
        """Width of the three towers side by side."""
        return self.clip.width + self.convnext.width + self.dino.width

    def grid(self, patches: Grid) -> Grid:
        """The grid of the patches, or one row of all tokens of a frame."""
        if self.features == "patches":
            return patches
        return 1, self.queries.queries + 1 + patches[0] * patches[1]

    def check(self) -> None:
        for name, tower in (("clip", self.clip), ("dino", self.dino), ("eva", self.eva)):
            if tower.patch != self.patch or tower.extra != 1 or not tower.class_token or tower.out_width != tower.width:
                got = f"a ViT with patch {tower.patch}, {tower.extra} tokens beside patches, {len(tower.layers)} layers handed on"
                raise ConfigError(f"Sphinx.{name}", got, f"patch {self.patch}, a class token alone, one layer")
        if self.convnext.features != "last":
            raise ConfigError("Sphinx.convnext.features", repr(self.convnext.features), "'last'")
        if self.queries.words or self.queries.width > self.width:
            got = f"width {self.queries.width}, {self.queries.words} words"
            raise ConfigError("Sphinx.queries", got, f"at most the towers' {self.width}, and a Q-Former that reads no words")
        if self.stride < 1:
            raise ConfigError("Sphinx.stride", str(self.stride), "at least 1 patch per place of ConvNeXt")

    def tiny(self) -> "Sphinx":
        """Tiny towers."""
        clip = self.clip.tiny()
        return replace(self, patch=clip.patch, clip=clip, convnext=self.convnext.tiny(), dino=self.dino.tiny(),
                       eva=self.eva.tiny(), queries=self.queries.tiny())  # fmt: skip

    def build(self) -> "SphinxModule":
        return SphinxModule(self)


class States(QFormerModule):
    """A Q-Former whose last states go through no matrix."""

    def __init__(self, cfg: QFormer, in_dim: int) -> None:
        super().__init__(cfg, in_dim, cfg.width)
        self.project = nn.Identity()  # type: ignore[assignment]


class SphinxModule(EncoderModule):
    """See `Sphinx`."""

    def __init__(self, cfg: Sphinx) -> None:
        super().__init__()
        self.cfg = cfg
        self.clip, self.dino = (replace(tower, features="all").build() for tower in (cfg.clip, cfg.dino))
        self.convnext, self.place_norm = cfg.convnext.build(), nn.LayerNorm(cfg.convnext.width, cfg.convnext.norm_eps)
        if cfg.features == "all":
            self.eva, self.queries = replace(cfg.eva, features="all").build(), States(cfg.queries, cfg.eva.width)

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        towers = (self.clip(pictures).hidden, self._places(pictures), self.dino(pictures).hidden)
        frames = single_frames(on_host(pictures.grids))
        own = torch.cat(towers, dim=1).split([1 + r * c for _, r, c in frames])
        if self.cfg.features == "patches":
            return tile_stream(torch.cat([rows[1:] for rows in own]), pictures.grids)
        states = self._states(pictures).split(self.cfg.queries.queries)
        rows = torch.cat([part for both in zip(states, own, strict=True) for part in both])
        return tile_stream(rows, regrid(pictures.grids, self.cfg))

    def paces(self) -> dict[str, Pace]:
        """ConvNeXt's places cover several patches each; the queries are as many for a tile as its tower's table has places."""
        found = {"convnext": Pace.zoomed(1 / self.cfg.stride)}
        if self.cfg.features == "all":
            found["queries"] = Pace.zoomed(self.cfg.queries.queries**0.5 / self.cfg.eva.side)
        return found

    def _states(self, pictures: Pictures) -> Float[Tensor, "Q D"]:
        """The Q-Former's states of every frame, zeros behind them."""
        seen = self.eva(pictures)
        states = self.queries(seen, regrid(pictures.grids, self.eva.cfg))
        return pad(states, (0, self.cfg.width - self.cfg.queries.width))

    def _places(self, pictures: Pictures) -> Float[Tensor, "N E"]:
        """ConvNeXt's normed places, one for every patch, the mean of each frame in front of them."""
        cfg, device = self.cfg, pictures.patches.device
        coarse = _coarser(pictures.grids, cfg.stride)
        resized = on_maps(pictures.patches.float(), pictures.grids, self._resized)
        places = self.place_norm(self.convnext(Pictures(resized, coarse)).hidden)
        frames, small = single_frames(on_host(pictures.grids)), single_frames(on_host(coarse))
        counts = torch.tensor([r * c for _, r, c in small], device=device)
        first, columns = counts.cumsum(0) - counts, torch.tensor([c for _, _, c in small], device=device)
        frame, _, row, column = patch_places(frames, device).unbind(1)
        index = first[frame] + row // cfg.stride * columns[frame] + column // cfg.stride
        repeated = places[index].split([r * c for _, r, c in frames])
        return torch.cat([part for own in repeated for part in (own.mean(dim=0, keepdim=True), own)])

    def _resized(self, maps: Float[Tensor, "n C r c"]) -> Float[Tensor, "n E r2 c2"]:
        """Maps of patch values → of those that ConvNeXt's places cover, the nearest pixels."""
        cfg, side = self.cfg, self.cfg.convnext.patch
        size = tuple(-(-count // cfg.stride) * side for count in maps.shape[2:])
        return pixel_unshuffle(interpolate(pixel_shuffle(maps, cfg.patch), size=size, mode="nearest"), side)


def _coarser(grids: Int[Tensor, "I 3"], stride: int) -> Int[Tensor, "I 3"]:
    """Grids of patches → grids of squares of them, those at the edges perhaps not full."""
    return torch.cat((grids[:, :1], -(-grids[:, 1:] // stride)), dim=1)

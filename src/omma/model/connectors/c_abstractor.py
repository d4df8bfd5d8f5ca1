"""C-Abstractor (Honeybee, arXiv 2312.06742): residual convolutions, adaptive average pool to side × side, convolutions, an MLP.

x + places; `depth` RegNet bottlenecks to `width`; pool; `depth` more; Linear, (SiLU, Linear)*. A bottleneck: 1 × 1, norm, SiLU;
depthwise 3 × 3, norm, SiLU; squeeze-and-excitation; 1 × 1, norm; plus what came in (through 1 × 1 and norm where widths differ);
SiLU (khanrc/honeybee `projectors.py` over timm `RegStage`). Learned places belong to `source` × `source` patches and are
read bilinearly for other tiles.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, sigmoid, silu

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.convolutions import ChannelNorm, Depthwise, Excite, Pointwise
from omma.model.feature_maps import on_maps
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.schema.batch import Stream


@config
class CAbstractor(Connector):
    """`side`² tokens for any tile; `source` patches a side are what the learned places were made for."""

    side: int = 12
    source: int = 24
    width: int = 1024
    depth: int = 3
    mlp_depth: int = 2
    norm_eps: float = 1e-5

    def check(self) -> None:
        if self.depth < 1 or self.mlp_depth < 1:
            raise ConfigError("CAbstractor", f"depth {self.depth}, mlp_depth {self.mlp_depth}", "at least 1 of each")

    def tiny(self) -> Self:
        """2 × 2 tokens, width 8, one bottleneck before and behind."""
        return replace(self, side=2, source=4, width=8, depth=1)

    def grid(self, patches: Grid) -> Grid:
        """The pooled square."""
        return self.side, self.side

    def build(self, *, in_dim: int, out_dim: int) -> "CAbstractorModule":
        return CAbstractorModule(self, in_dim, out_dim)


class CAbstractorModule(ConnectorModule, SelfScaled):
    """See `CAbstractor`."""

    def __init__(self, cfg: CAbstractor, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.places = nn.Parameter(torch.empty(cfg.source**2, in_dim))
        widths = [in_dim] + [cfg.width] * (2 * cfg.depth)
        blocks = [Bottleneck(a, b, cfg.norm_eps) for a, b in pairwise(widths)]
        self.before, self.behind = nn.Sequential(*blocks[: cfg.depth]), nn.Sequential(*blocks[cfg.depth :])
        self.readout = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([cfg.width] + [out_dim] * cfg.mlp_depth))

    def stds(self) -> dict[str, float]:
        """Places start like words."""
        return {"places": EMBEDDING_STD}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        hidden = on_maps(features.hidden, grids, self._abstract)
        hidden = self.readout[0](hidden)
        for layer in list(self.readout)[1:]:
            hidden = layer(silu(hidden))
        return hidden

    def _abstract(self, maps: Float[Tensor, "n E r c"]) -> Float[Tensor, "n D s s"]:
        places = self.places.T.unflatten(1, (self.cfg.source, self.cfg.source))[None]
        if maps.shape[2:] != places.shape[2:]:
            places = interpolate(places, size=maps.shape[2:], mode="bilinear", align_corners=False)
        side = self.cfg.side
        return self.behind(adaptive_avg_pool2d(self.before(maps + places.to(maps.dtype)), (side, side)))


class Bottleneck(nn.Module):
    """Maps (n, E, r, c) → (n, D, r, c)."""

    def __init__(self, in_dim: int, out_dim: int, norm_eps: float) -> None:
        super().__init__()
        self.enter, self.enter_norm = Pointwise(in_dim, out_dim, bias=False), ChannelNorm(out_dim, norm_eps)
        self.depthwise, self.depthwise_norm = Depthwise(out_dim), ChannelNorm(out_dim, norm_eps)
        self.excite = Excite(out_dim, max(1, round(in_dim / 4)), activate=silu, gate=sigmoid)
        self.leave, self.leave_norm = Pointwise(out_dim, out_dim, bias=False), ChannelNorm(out_dim, norm_eps)
        straight = [Pointwise(in_dim, out_dim, bias=False), ChannelNorm(out_dim, norm_eps)] if in_dim != out_dim else []
        self.straight = nn.Sequential(*straight)

    def forward(self, maps: Float[Tensor, "n E r c"]) -> Float[Tensor, "n D r c"]:
        hidden = silu(self.enter_norm(self.enter(maps)))
        hidden = self.excite(silu(self.depthwise_norm(self.depthwise(hidden))))
        return silu(self.leave_norm(self.leave(hidden)) + self.straight(maps))

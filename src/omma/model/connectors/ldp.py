"""Lightweight downsample projector (MobileVLM, arXiv 2312.16886): two matrices, then two depthwise blocks, the second of stride 2.

A block is depthwise 3 × 3, norm, hard-swish, squeeze-and-excitation, 1 × 1, norm; the first adds what came in
(Meituan-AutoML/MobileVLM `vision_projector.py`, `LDPNetProjector`; blocks as MobileNetV3's inverted residual).
"""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, hardsigmoid, hardswish, relu

from omma.core.config import config
from omma.model.convolutions import ChannelNorm, Depthwise, Excite, Pointwise
from omma.model.feature_maps import on_maps
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.schema.batch import Stream


@config
class Ldp(Connector):
    """A quarter of the tokens: half the rows and columns, rounded up."""

    norm_eps: float = 1e-5

    def grid(self, patches: Grid) -> Grid:
        """Both sides halved, rounded up."""
        return (patches[0] + 1) // 2, (patches[1] + 1) // 2

    def build(self, *, in_dim: int, out_dim: int) -> "LdpModule":
        return LdpModule(self, in_dim, out_dim)


class LdpModule(ConnectorModule):
    """See `Ldp`."""

    def __init__(self, cfg: Ldp, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(in_dim, out_dim), nn.Linear(out_dim, out_dim)
        self.mix = LdpBlock(out_dim, stride=1, norm_eps=cfg.norm_eps)
        self.halve = LdpBlock(out_dim, stride=2, norm_eps=cfg.norm_eps)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        hidden = self.down(gelu(self.up(features.hidden)))
        return on_maps(hidden, grids, lambda maps: self.halve(maps + self.mix(maps)))


class LdpBlock(nn.Module):
    """Maps (n, D, r, c) → maps of 1 / `stride` the size."""

    def __init__(self, dim: int, *, stride: int, norm_eps: float) -> None:
        super().__init__()
        self.depthwise, self.norm = Depthwise(dim, stride=stride), ChannelNorm(dim, norm_eps)
        self.excite = Excite(dim, squeezed(dim // 4), activate=relu, gate=hardsigmoid)
        self.project, self.project_norm = Pointwise(dim, dim, bias=False), ChannelNorm(dim, norm_eps)

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r2 c2"]:
        return self.project_norm(self.project(self.excite(hardswish(self.norm(self.depthwise(maps))))))


def squeezed(width: int) -> int:
    """The multiple of 8 next to a width, at least 8 and not below nine tenths of it (MobileNet's rule)."""
    near = max(8, (width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near

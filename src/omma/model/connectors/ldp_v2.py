"""Lightweight downsample projector, second version (MobileVLM V2, arXiv 2402.03766): two matrices, pooling, places by convolution.

h = Linear, GELU, Linear; adaptive average pool to side × side; h + depthwise 3 × 3 (h) (Meituan-AutoML/MobileVLM
`vision_projector.py`, `LDPNetV2Projector`).
"""

from dataclasses import replace
from typing import Self

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, gelu

from omma.core.config import config
from omma.model.convolutions import Depthwise
from omma.model.feature_maps import on_maps
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.schema.batch import Stream


@config
class LdpV2(Connector):
    """`side`² tokens for any tile."""

    side: int = 12

    def tiny(self) -> Self:
        """2 × 2 tokens."""
        return replace(self, side=2)

    def grid(self, patches: Grid) -> Grid:
        """The pooled square."""
        return self.side, self.side

    def build(self, *, in_dim: int, out_dim: int) -> "LdpV2Module":
        return LdpV2Module(self, in_dim, out_dim)


class LdpV2Module(ConnectorModule):
    """See `LdpV2`."""

    def __init__(self, cfg: LdpV2, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.side = cfg.side
        self.up, self.down = nn.Linear(in_dim, out_dim), nn.Linear(out_dim, out_dim)
        self.places = Depthwise(out_dim, bias=True)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        return on_maps(self.down(gelu(self.up(features.hidden))), grids, self._pooled)

    def _pooled(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D s s"]:
        small = adaptive_avg_pool2d(maps, (self.side, self.side))
        return small + self.places(small)

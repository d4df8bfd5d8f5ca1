"""Adaptive average reducer: visual tokens (N, D) of a tile of any size → side × side tokens, each the mean of its part."""

from dataclasses import replace
from typing import Self

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.feature_maps import on_maps
from omma.model.slots import ConnectorModule, Grid, Reducer
from omma.schema.batch import Stream


@config
class AdaptiveAverage(Reducer):
    """`side`² tokens for any tile."""

    side: int = 12

    def check(self) -> None:
        if self.side < 1:
            raise ConfigError("AdaptiveAverage.side", str(self.side), "at least 1 token per side")

    def tiny(self) -> Self:
        """2 × 2 tokens."""
        return replace(self, side=2)

    def grid(self, tokens: Grid) -> Grid:
        """The pooled square."""
        return self.side, self.side

    def build(self, *, dim: int) -> "AdaptiveAverageModule":
        return AdaptiveAverageModule(self)


class AdaptiveAverageModule(ConnectorModule):
    """See `AdaptiveAverage`."""

    def __init__(self, cfg: AdaptiveAverage) -> None:
        super().__init__()
        self.side = cfg.side

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        return on_maps(features.hidden, grids, lambda maps: adaptive_avg_pool2d(maps, (self.side, self.side)))

"""Pixel shuffle (InternVL 1.5, arXiv 2404.16821): patch features (P, E) → one visual token per factor × factor square.

The square's features are concatenated row by row (the second, corrected order of the released code), then
LayerNorm, Linear, GELU, Linear.
"""

from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import config
from omma.model.squares import Squares, SquaresMlpModule
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Stream


@config
class PixelShuffle(Squares):
    """`factor` patches per side become one token: 1/factor² of the tokens, factor² times as wide."""

    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "PixelShuffleModule":
        return PixelShuffleModule(self, in_dim, out_dim)


class PixelShuffleModule(SquaresMlpModule):
    """See `PixelShuffle`."""

    def __init__(self, cfg: PixelShuffle, in_dim: int, out_dim: int) -> None:
        super().__init__(in_dim * cfg.factor**2, out_dim, cfg.norm_eps)
        self.factor = cfg.factor

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        return self.tokens(features.hidden[index].flatten(1))

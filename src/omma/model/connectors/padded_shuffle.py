"""Padded shuffle (VILA, NVILA `mlp_downsample`): pixel shuffle over any grid, odd sides filled up with zeros.

Squares side by side row by row, LayerNorm, Linear, GELU, Linear (NVlabs/VILA `multimodal_projector/base_projector.py`,
`mlp_downsample` and `mlp_downsample_2x2_fix`, which are equal but for memory layout).
"""

from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import config
from omma.model.squares import PaddedSquares, SquaresMlpModule, padded_squares
from omma.schema.batch import Stream


@config
class PaddedShuffle(PaddedSquares):
    """`factor` patches per side become one token: SigLIP's 27 × 27 patches become 14 × 14 tokens."""

    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "PaddedShuffleModule":
        return PaddedShuffleModule(self, in_dim, out_dim)


class PaddedShuffleModule(SquaresMlpModule):
    """See `PaddedShuffle`."""

    def __init__(self, cfg: PaddedShuffle, in_dim: int, out_dim: int) -> None:
        super().__init__(in_dim * cfg.factor**2, out_dim, cfg.norm_eps)
        self.factor = cfg.factor

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        return self.tokens(padded_squares(features.hidden, grids, self.factor).flatten(1))

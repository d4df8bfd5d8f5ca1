"""Padded shuffle (VILA, NVILA `mlp_downsample`): pixel shuffle over any grid, odd sides filled up with zeros.

Squares side by side row by row, LayerNorm, Linear, GELU, Linear (NVlabs/VILA `multimodal_projector/base_projector.py`,
`mlp_downsample` and `mlp_downsample_2x2_fix`, which are equal but for memory layout).
"""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import PaddedSquares, padded_squares
from omma.schema.batch import Stream


@config
class PaddedShuffle(PaddedSquares):
    """`factor` patches per side become one token: SigLIP's 27 × 27 patches become 14 × 14 tokens."""

    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "PaddedShuffleModule":
        return PaddedShuffleModule(self, in_dim, out_dim)


class PaddedShuffleModule(ConnectorModule):
    """See `PaddedShuffle`."""

    def __init__(self, cfg: PaddedShuffle, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        square_dim = in_dim * cfg.factor**2
        self.norm = nn.LayerNorm(square_dim, cfg.norm_eps)
        self.up = nn.Linear(square_dim, out_dim)
        self.down = nn.Linear(out_dim, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        squares = padded_squares(features.hidden, grids, self.factor).flatten(1)
        return self.down(gelu(self.up(self.norm(squares))))

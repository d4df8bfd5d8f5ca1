"""Nine-to-one shuffle (NVILA-Lite `mlp_downsample_3x3_fix`): 3 × 3 patches → one visual token through two norms and three matrices.

Zeros beyond odd edges; LayerNorm(9E), Linear(9E, 3E), GELU, LayerNorm(3E), Linear(3E, D), GELU, Linear(D, D)
(NVlabs/VILA `multimodal_projector/base_projector.py`).
"""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import PaddedSquares, padded_squares
from omma.schema.batch import Stream


@config
class NineShuffle(PaddedSquares):
    """`factor` patches per side become one token; the middle is `factor` features wide."""

    factor: int = 3
    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "NineShuffleModule":
        return NineShuffleModule(self, in_dim, out_dim)


class NineShuffleModule(ConnectorModule):
    """See `NineShuffle`."""

    def __init__(self, cfg: NineShuffle, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        square_dim, middle = in_dim * cfg.factor**2, in_dim * cfg.factor
        self.norm = nn.LayerNorm(square_dim, cfg.norm_eps)
        self.narrow = nn.Linear(square_dim, middle)
        self.middle_norm = nn.LayerNorm(middle, cfg.norm_eps)
        self.up = nn.Linear(middle, out_dim)
        self.down = nn.Linear(out_dim, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        squares = padded_squares(features.hidden, grids, self.factor).flatten(1)
        narrow = gelu(self.narrow(self.norm(squares)))
        return self.down(gelu(self.up(self.middle_norm(narrow))))

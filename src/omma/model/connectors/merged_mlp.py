"""Merged MLP (Mistral Small 3.1): RMS norm of each patch, a square merged back to the encoder's width by one matrix, then two more.

transformers `models/mistral3`. Its merging matrix reads values channel by channel (`unfold`);
`omma.model.squares.place_major` turns it into this one.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.nn.mlp import ACTIVATIONS, Activation
from omma.nn.norm import RmsNorm
from omma.schema.batch import Stream


@config
class MergedMlp(Squares):
    """`factor` patches per side become one token."""

    activation: Activation = "gelu"
    bias: bool = False
    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "MergedMlpModule":
        return MergedMlpModule(self, in_dim, out_dim)


class MergedMlpModule(ConnectorModule):
    """See `MergedMlp`."""

    def __init__(self, cfg: MergedMlp, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor, self.activate = cfg.factor, ACTIVATIONS[cfg.activation]
        self.norm = RmsNorm(in_dim, cfg.norm_eps)
        self.merge = nn.Linear(in_dim * cfg.factor**2, in_dim, bias=False)
        self.up = nn.Linear(in_dim, out_dim, bias=cfg.bias)
        self.down = nn.Linear(out_dim, out_dim, bias=cfg.bias)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        merged = self.merge(self.norm(features.hidden)[index].flatten(1))
        return self.down(self.activate(self.up(merged)))

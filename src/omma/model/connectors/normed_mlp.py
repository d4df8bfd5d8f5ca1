"""Normed MLP (ViP-LLaVA, arXiv 2312.00784): features of several layers side by side (P, E) → LayerNorm, then two matrices."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import Connector, ConnectorModule
from omma.nn.mlp import ACTIVATIONS, Activation
from omma.schema.batch import Stream


@config
class NormedMlp(Connector):
    """One token per patch; the norm sees all layers of a patch as one vector."""

    activation: Activation = "gelu"
    norm_eps: float = 1e-5

    def build(self, *, in_dim: int, out_dim: int) -> "NormedMlpModule":
        return NormedMlpModule(self, in_dim, out_dim)


class NormedMlpModule(ConnectorModule):
    """See `NormedMlp`."""

    def __init__(self, cfg: NormedMlp, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[cfg.activation]
        self.norm = nn.LayerNorm(in_dim, cfg.norm_eps)
        self.up = nn.Linear(in_dim, out_dim)
        self.down = nn.Linear(out_dim, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "P D"]:
        return self.down(self.activate(self.up(self.norm(features.hidden))))

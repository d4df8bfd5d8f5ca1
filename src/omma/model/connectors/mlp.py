"""MLP connector (LLaVA-1.5, arXiv 2310.03744): patch features (P, E) → visual tokens (P, D) through `depth` matrices."""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, ConnectorModule
from omma.nn.mlp import ACTIVATIONS, Activation
from omma.schema.batch import Stream


@config
class Mlp(Connector):
    """`depth` matrices with an activation between each two; the first goes to the language model's width."""

    depth: int = 2
    activation: Activation = "gelu"
    bias: bool = True

    def check(self) -> None:
        if self.depth < 1:
            raise ConfigError("Mlp.depth", str(self.depth), "at least 1 matrix")

    def build(self, *, in_dim: int, out_dim: int) -> "MlpModule":
        return MlpModule(self, in_dim, out_dim)


class MlpModule(ConnectorModule):
    """See `Mlp`."""

    def __init__(self, cfg: Mlp, in_dim: int, out_dim: int) -> None:
        super().__init__()
        dims = [in_dim] + [out_dim] * cfg.depth
        self.activate = ACTIVATIONS[cfg.activation]
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=cfg.bias) for a, b in pairwise(dims))

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "P D"]:
        hidden = self.layers[0](features.hidden)
        for layer in list(self.layers)[1:]:
            hidden = layer(self.activate(hidden))
        return hidden

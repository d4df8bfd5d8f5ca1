"""Linear connector: patch features (P, E) → visual tokens (P, D), one matrix, one token per patch."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import Connector, ConnectorModule
from omma.schema.batch import Stream


@config
class Linear(Connector):
    """One matrix (LLaVA's first version)."""

    bias: bool = True

    def build(self, *, in_dim: int, out_dim: int) -> "LinearModule":
        return LinearModule(in_dim, out_dim, bias=self.bias)


class LinearModule(ConnectorModule):
    """See `Linear`."""

    def __init__(self, in_dim: int, out_dim: int, *, bias: bool) -> None:
        super().__init__()
        self.project = nn.Linear(in_dim, out_dim, bias=bias)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "P D"]:
        return self.project(features.hidden)

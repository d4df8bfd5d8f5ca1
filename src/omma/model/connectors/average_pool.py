"""Average pool: patch features (P, E) → one visual token per factor × factor square, its mean, then one matrix."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Stream


@config
class AveragePool(Squares):
    """`factor` patches per side become one token."""

    bias: bool = True

    def build(self, *, in_dim: int, out_dim: int) -> "AveragePoolModule":
        return AveragePoolModule(self, in_dim, out_dim)


class AveragePoolModule(ConnectorModule):
    """See `AveragePool`."""

    def __init__(self, cfg: AveragePool, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        self.project = nn.Linear(in_dim, out_dim, bias=cfg.bias)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        return self.project(features.hidden[index].mean(dim=1))

"""Average pool: patch features (P, E) → one visual token per factor × factor square, its mean, then one matrix."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.grids import on_host, square_groups, uneven
from omma.schema.batch import Stream


@config
class AveragePool(Connector):
    """`factor` patches per side become one token."""

    factor: int = 2
    bias: bool = True

    def check(self) -> None:
        if self.factor < 1:
            raise ConfigError("AveragePool.factor", str(self.factor), "at least 1 patch per side")

    @property
    def merge(self) -> int:
        """Patches per token side."""
        return self.factor

    def grid(self, patches: Grid) -> Grid:
        """Both sides divided by the factor; ShapeError if they do not divide."""
        if patches[0] % self.factor or patches[1] % self.factor:
            raise uneven(*patches, self.factor)
        return patches[0] // self.factor, patches[1] // self.factor

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

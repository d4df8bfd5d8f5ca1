"""Shuffle and one matrix (Idefics3, SmolVLM, arXiv 2408.12637): factor × factor patches side by side → one visual token."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Stream


@config
class ShuffleLinear(Squares):
    """`factor` patches per side become one token (Idefics3 2, SmolVLM 3 or 4)."""

    bias: bool = False

    def build(self, *, in_dim: int, out_dim: int) -> "ShuffleLinearModule":
        return ShuffleLinearModule(self, in_dim, out_dim)


class ShuffleLinearModule(ConnectorModule):
    """See `ShuffleLinear`."""

    def __init__(self, cfg: ShuffleLinear, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        self.project = nn.Linear(in_dim * cfg.factor**2, out_dim, bias=cfg.bias)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        return self.project(features.hidden[index].flatten(1))

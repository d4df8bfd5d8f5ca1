"""Normed pool (Gemma 3, arXiv 2503.19786): the mean of factor × factor patches, RMS norm, one matrix without bias.

transformers `models/gemma3`, whose norm multiplies by one plus its stored weight.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.nn.norm import RmsNorm
from omma.schema.batch import Stream


@config
class NormedPool(Squares):
    """`factor` patches per side become one token (Gemma 3: 4, so 64 × 64 patches become 256 tokens)."""

    norm_eps: float = 1e-6

    def build(self, *, in_dim: int, out_dim: int) -> "NormedPoolModule":
        return NormedPoolModule(self, in_dim, out_dim)


class NormedPoolModule(ConnectorModule):
    """See `NormedPool`."""

    def __init__(self, cfg: NormedPool, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        self.norm = RmsNorm(in_dim, cfg.norm_eps)
        self.project = nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        return self.project(self.norm(features.hidden[index].mean(dim=1)))

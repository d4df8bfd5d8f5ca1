"""Patch merger (Qwen2-VL, arXiv 2409.12191): patch features (P, E) → one visual token per factor × factor square.

Each patch is normed on its own, the square concatenated row by row, then Linear, GELU, Linear at the square's width.
"""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.nn.norm import build_norm
from omma.schema.batch import Stream


@config
class Merger(Squares):
    """`factor` patches per side become one token. Qwen2-VL norms by `layer`, Qwen2.5-VL by `rms`."""

    norm: Literal["layer", "rms"] = "layer"
    norm_eps: float = 1e-6

    def build(self, *, in_dim: int, out_dim: int) -> "MergerModule":
        return MergerModule(self, in_dim, out_dim)


class MergerModule(ConnectorModule):
    """See `Merger`."""

    def __init__(self, cfg: Merger, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        square_dim = in_dim * cfg.factor**2
        self.norm = build_norm(cfg.norm, in_dim, cfg.norm_eps)
        self.up = nn.Linear(square_dim, square_dim)
        self.down = nn.Linear(square_dim, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        index = square_groups(on_host(grids), self.factor, features.hidden.device)
        squares = self.norm(features.hidden)[index].flatten(1)
        return self.down(gelu(self.up(squares)))

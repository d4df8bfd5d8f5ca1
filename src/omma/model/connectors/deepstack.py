"""DeepStack mergers (Qwen3-VL): patch features (P, E) and n taps (P, E) → (N, (1 + n) · D), a merger for each.

The main merger norms each patch and then joins the square, those of the taps join first and norm the whole square
(transformers `models/qwen3_vl`, `Qwen3VLVisionPatchMerger`). A splice takes the vectors of a token apart.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.connectors.merger import Merger, MergerModule
from omma.model.feature_maps import taps_of
from omma.model.slots import ConnectorModule
from omma.model.squares import Squares
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Stream


@config
class DeepStack(Squares):
    """`factor` patches per side become one token with `levels` vectors of inner layers beside it."""

    levels: int = 3
    norm_eps: float = 1e-6

    def check(self) -> None:
        super().check()
        if self.levels < 1:
            raise ConfigError("DeepStack.levels", str(self.levels), "at least 1", "without inner layers it is a Merger")

    def tiny(self) -> "DeepStack":
        """At most two levels, for a language model of two blocks."""
        return replace(self, levels=min(self.levels, 2))

    @property
    def num_taps(self) -> int:
        """One per level."""
        return self.levels

    @property
    def vectors(self) -> int:
        """That of the patch features, and one per level."""
        return 1 + self.levels

    def build(self, *, in_dim: int, out_dim: int) -> "DeepStackModule":
        return DeepStackModule(self, in_dim, out_dim)


class DeepStackModule(ConnectorModule):
    """See `DeepStack`."""

    def __init__(self, cfg: DeepStack, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.merger = MergerModule(Merger(factor=cfg.factor, norm_eps=cfg.norm_eps), in_dim, out_dim)
        self.levels = nn.ModuleList(LevelMerger(in_dim * cfg.factor**2, out_dim, cfg.norm_eps) for _ in range(cfg.levels))

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N nD"]:
        """Raises ShapeError for features without the taps of all levels."""
        taps = taps_of(features, self.cfg.levels, "model.connector.DeepStack")
        index = square_groups(on_host(grids), self.cfg.factor, features.hidden.device)
        deep = [level(tap[index].flatten(1)) for level, tap in zip(self.levels, taps, strict=True)]
        return torch.cat((self.merger(features, grids), *deep), dim=1)


class LevelMerger(nn.Module):
    """Squares (N, F · E) → (N, D): norm, Linear, GELU, Linear at the square's width."""

    def __init__(self, square_dim: int, out_dim: int, norm_eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(square_dim, norm_eps)
        self.up = nn.Linear(square_dim, square_dim)
        self.down = nn.Linear(square_dim, out_dim)

    def forward(self, squares: Float[Tensor, "N FE"]) -> Float[Tensor, "N D"]:
        return self.down(gelu(self.up(self.norm(squares))))

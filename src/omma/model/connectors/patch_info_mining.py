"""Patch-info mining (Mini-Gemini, arXiv 2403.18814): each patch asks the finer map at its own place, then an MLP of two matrices.

q = W_q LN(x) (P, E); k, v = W LN(fine) (P, F, E) of the F finer cells at the patch's place; token = MLP(x + softmax(q kᵀ / √E) v).
dvlab-research/MGM `mgm_arch.py`, `unified_resampler`. The finer map comes as the only tap of the encoder: (P, F · G), the
cells of each patch side by side.
"""

from dataclasses import replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.core.errors import ShapeError
from omma.model.feature_maps import taps_of
from omma.model.slots import Connector, ConnectorModule
from omma.schema.batch import Stream


@config
class PatchInfoMining(Connector):
    """One token per patch; `fine_width` is the width G of the finer map (2880: the four stages of ConvNeXt-L side by side)."""

    fine_width: int = 2880
    norm_eps: float = 1e-5

    def tiny(self) -> Self:
        """A finer map of width 6."""
        return replace(self, fine_width=6)

    @property
    def num_taps(self) -> int:
        """The finer map."""
        return 1

    def build(self, *, in_dim: int, out_dim: int) -> "PatchInfoMiningModule":
        return PatchInfoMiningModule(self, in_dim, out_dim)


class PatchInfoMiningModule(ConnectorModule):
    """See `PatchInfoMining`."""

    def __init__(self, cfg: PatchInfoMining, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.fine_width = cfg.fine_width
        self.query_norm, self.query = nn.LayerNorm(in_dim, cfg.norm_eps), nn.Linear(in_dim, in_dim)
        self.key_norm, self.key = nn.LayerNorm(cfg.fine_width, cfg.norm_eps), nn.Linear(cfg.fine_width, in_dim)
        self.value_norm, self.value = nn.LayerNorm(cfg.fine_width, cfg.norm_eps), nn.Linear(cfg.fine_width, in_dim)
        self.up, self.down = nn.Linear(in_dim, out_dim), nn.Linear(out_dim, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "P D"]:
        """Raises ShapeError for features without the finer map, or one of another width."""
        (tap,) = taps_of(features, 1, "model.connector.PatchInfoMining")
        if tap.shape[1] % self.fine_width:
            got = f"a finer map of {tap.shape[1]} values per patch"
            fix = "set fine_width to the width of the finer encoder"
            raise ShapeError("model.connector.PatchInfoMining", got, f"a multiple of {self.fine_width}", fix)
        fine_PFG = tap.unflatten(1, (-1, self.fine_width))
        return self.down(gelu(self.up(features.hidden + self.mined(features.hidden, fine_PFG))))

    def mined(self, hidden: Float[Tensor, "P E"], fine_PFG: Float[Tensor, "P F G"]) -> Float[Tensor, "P E"]:
        """What each patch reads from its own cells."""
        q_PE = self.query(self.query_norm(hidden))
        k_PFE, v_PFE = self.key(self.key_norm(fine_PFG)), self.value(self.value_norm(fine_PFG))
        scores_PF = torch.einsum("pe,pfe->pf", q_PE, k_PFE) * q_PE.shape[1] ** -0.5
        return torch.einsum("pf,pfe->pe", scores_PF.softmax(dim=-1), v_PFE)

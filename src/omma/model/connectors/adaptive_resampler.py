"""Adaptive resampler (MiniCPM-V 2.5 and on, arXiv 2408.01800): the patches of a tile → `queries` tokens, for tiles of any shape.

As `Resampler`, with two differences: queries have no position, and a patch's key carries the sine-cosine position of its own
row and column, counted from the tile's corner, with nothing interpolated (MiniCPM-V 2.6 `resampler.py`).
"""

from dataclasses import replace
from typing import Self

from jaxtyping import Float
from torch import Tensor

from omma.core.config import config
from omma.model.connectors.resampler import ResamplerModule
from omma.model.sincos import over_frames, sincos_grid
from omma.model.slots import Connector, Grid
from omma.nn.grids import GridRows


@config
class AdaptiveResampler(Connector):
    """`queries` tokens for any tile (MiniCPM-V 2.5: 96, 2.6: 64), in heads of `head_dim` at the language model's width."""

    queries: int = 64
    head_dim: int = 128
    norm_eps: float = 1e-6

    def tiny(self) -> Self:
        """5 queries, heads of 4."""
        return replace(self, queries=5, head_dim=4)

    def grid(self, patches: Grid) -> Grid:
        """One row of queries."""
        return 1, self.queries

    def build(self, *, in_dim: int, out_dim: int) -> "AdaptiveResamplerModule":
        return AdaptiveResamplerModule(self.queries, 1, self.head_dim, self.norm_eps, in_dim, out_dim)


class AdaptiveResamplerModule(ResamplerModule):
    """See `AdaptiveResampler`."""

    def query_positions(self) -> Float[Tensor, "1 D"]:
        return self.queries.new_zeros(1, self.queries.shape[1])

    def key_positions(self, rows: GridRows) -> Float[Tensor, "P D"]:
        sizes, dim = {(r, c) for _, r, c in rows}, self.queries.shape[1]
        return over_frames({(r, c): sincos_grid(r, c, dim) for r, c in sizes}, rows)

"""Resampler (Qwen-VL, arXiv 2308.12966): the patches of a tile → side × side learned queries through one cross-attention.

x = LN(W_kv patches); out = W_o LN_post(MHA(q = LN(queries) + s, k = x + s', v = x)): s are sine-cosine positions of the
queries' square, s' the same table interpolated to the patch grid (Qwen-VL `visual.py`).
"""

from dataclasses import replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.feature_maps import frame_borders
from omma.model.sincos import over_frames, sincos_grid, stretched_sincos
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.cross_attention import Across, CrossAttention
from omma.nn.grids import GridRows, on_host
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.schema.batch import Stream


@config
class Resampler(Connector):
    """`side`² tokens for any tile, in heads of `head_dim` at the language model's width."""

    side: int = 16
    head_dim: int = 128
    norm_eps: float = 1e-6

    def tiny(self) -> Self:
        """3 × 3 queries, heads of 4."""
        return replace(self, side=3, head_dim=4)

    def grid(self, patches: Grid) -> Grid:
        """The queries' square."""
        return self.side, self.side

    def build(self, *, in_dim: int, out_dim: int) -> "ResamplerModule":
        return ResamplerModule(self.side**2, self.side, self.head_dim, self.norm_eps, in_dim, out_dim)


class ResamplerModule(ConnectorModule, SelfScaled):
    """See `Resampler`. `side` is that of the square on which queries stand."""

    def __init__(self, num_queries: int, side: int, head_dim: int, norm_eps: float, in_dim: int, out_dim: int) -> None:
        super().__init__()
        if out_dim % head_dim:
            raise ConfigError("model.connector.head_dim", f"heads of {head_dim} at width {out_dim}", "a divisor of the width")
        self.side, heads = side, out_dim // head_dim
        self.queries = nn.Parameter(torch.empty(num_queries, out_dim))
        self.widen = nn.Identity() if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)
        self.query_norm, self.patch_norm, self.output_norm = (nn.LayerNorm(out_dim, norm_eps) for _ in range(3))
        self.attention = CrossAttention(out_dim, out_dim, heads=heads, kv_heads=heads, head_dim=head_dim)
        self.project = nn.Linear(out_dim, out_dim, bias=False)

    def stds(self) -> dict[str, float]:
        """Queries start like words."""
        return {"queries": EMBEDDING_STD}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        rows, borders = on_host(grids), frame_borders(on_host(grids))
        patches = self.patch_norm(self.widen(features.hidden))
        queries = self.query_norm(self.queries) + self.query_positions().to(patches)
        frames, num_queries = len(borders) - 1, len(queries)
        across = Across(tuple(range(0, (frames + 1) * num_queries, num_queries)), borders)
        keys = patches + self.key_positions(rows).to(patches)
        read = self.attention(queries.repeat(frames, 1), keys, patches, across)
        return self.project(self.output_norm(read))

    def query_positions(self) -> Float[Tensor, "Q D"]:
        """What is added to the normed queries."""
        return sincos_grid(self.side, self.side, self.queries.shape[1])

    def key_positions(self, rows: GridRows) -> Float[Tensor, "P D"]:
        """What is added to the patches as keys."""
        sizes, dim = {(r, c) for _, r, c in rows}, self.queries.shape[1]
        return over_frames({(r, c): stretched_sincos(self.side, r, c, dim) for r, c in sizes}, rows)

"""Matryoshka query resampler (MQT-LLaVA, arXiv 2405.19315): the first `take` of side × side learned queries → as many tokens.

out = W_o MHA(q = LN(queries + s), k = LN(s'), v = LN(patches)) at the encoder's width: keys are positions alone, s those of
the queries' square, s' the same interpolated to the patch grid (gordonhu608/MQT-LLaVA `multimodal_projector/builder.py`).
Queries do not see each other, so fewer of them give the first tokens of more.
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
from omma.nn.grids import on_host
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.schema.batch import Stream


@config
class Matryoshka(Connector):
    """`take` of `side`² tokens for any tile, in heads of `head_dim` at the encoder's width."""

    side: int = 16
    take: int = 256
    head_dim: int = 128
    norm_eps: float = 1e-6

    def check(self) -> None:
        if not 1 <= self.take <= self.side**2:
            raise ConfigError("Matryoshka.take", str(self.take), f"1 … {self.side**2}, the queries there are")

    def tiny(self) -> Self:
        """5 of 3 × 3 queries, heads of 4."""
        return replace(self, side=3, take=5, head_dim=4)

    def grid(self, patches: Grid) -> Grid:
        """One row of queries."""
        return 1, self.take

    def build(self, *, in_dim: int, out_dim: int) -> "MatryoshkaModule":
        return MatryoshkaModule(self, in_dim, out_dim)


class MatryoshkaModule(ConnectorModule, SelfScaled):
    """See `Matryoshka`."""

    def __init__(self, cfg: Matryoshka, in_dim: int, out_dim: int) -> None:
        super().__init__()
        if in_dim % cfg.head_dim:
            raise ConfigError("Matryoshka.head_dim", f"heads of {cfg.head_dim} at width {in_dim}", "a divisor of the width")
        self.cfg, heads = cfg, in_dim // cfg.head_dim
        self.queries = nn.Parameter(torch.empty(cfg.side**2, in_dim))
        self.query_norm, self.key_norm, self.value_norm = (nn.LayerNorm(in_dim, cfg.norm_eps) for _ in range(3))
        self.attention = CrossAttention(in_dim, in_dim, heads=heads, kv_heads=heads, head_dim=cfg.head_dim)
        self.project = nn.Linear(in_dim, out_dim, bias=False)

    def stds(self) -> dict[str, float]:
        """Queries start like words."""
        return {"queries": EMBEDDING_STD}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        rows, borders = on_host(grids), frame_borders(on_host(grids))
        side, take, dim = self.cfg.side, self.cfg.take, self.queries.shape[1]
        queries = self.query_norm(self.queries + sincos_grid(side, side, dim).to(self.queries))[:take]
        tables = {(r, c): stretched_sincos(side, r, c, dim) for r, c in {(r, c) for _, r, c in rows}}
        keys = self.key_norm(over_frames(tables, rows).to(features.hidden))
        frames = len(borders) - 1
        across = Across(tuple(range(0, (frames + 1) * take, take)), borders)
        return self.project(self.attention(queries.repeat(frames, 1), keys, self.value_norm(features.hidden), across))

"""Perceiver (Flamingo, arXiv 2204.14198, as in Idefics2, 2405.02246): the patches of a tile → `queries` tokens in `depth` layers.

Patches go to the language model's width through a gated MLP; in each layer the latents attend to the patches and to
themselves, x ← x + attention(norm(x), [norm(patches); norm(x)]), x ← x + mlp(norm(x)), then a last norm; all norms RMS
(transformers `models/idefics2`, `Idefics2Connector`).
"""

from dataclasses import replace
from itertools import pairwise
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu

from omma.core.config import config
from omma.model.feature_maps import frame_borders
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.cross_attention import Across, CrossAttention
from omma.nn.grids import on_host
from omma.nn.init import SelfScaled
from omma.nn.mlp import GatedMlp
from omma.nn.norm import RmsNorm
from omma.schema.batch import Stream


@config
class Perceiver(Connector):
    """`queries` tokens for any tile. `project_width` is the middle of the first MLP, the language model's own in Idefics2."""

    queries: int = 64
    depth: int = 3
    heads: int = 16
    kv_heads: int = 4
    head_dim: int = 96
    project_width: int = 14_336
    norm_eps: float = 1e-5

    def tiny(self) -> Self:
        """3 queries, two layers."""
        return replace(self, queries=3, depth=2, heads=4, kv_heads=2, head_dim=6, project_width=24)

    def grid(self, patches: Grid) -> Grid:
        """One row of queries."""
        return 1, self.queries

    def build(self, *, in_dim: int, out_dim: int) -> "PerceiverModule":
        return PerceiverModule(self, in_dim, out_dim)


class PerceiverModule(ConnectorModule, SelfScaled):
    """See `Perceiver`."""

    def __init__(self, cfg: Perceiver, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.empty(cfg.queries, out_dim))
        self.gate = nn.Linear(in_dim, cfg.project_width, bias=False)
        self.up = nn.Linear(in_dim, cfg.project_width, bias=False)
        self.down = nn.Linear(cfg.project_width, out_dim, bias=False)
        self.layers = nn.ModuleList(PerceiverLayer(cfg, out_dim) for _ in range(cfg.depth))
        self.norm = RmsNorm(out_dim, cfg.norm_eps)

    def stds(self) -> dict[str, float]:
        """Latents start normal with deviation 1, so that they differ (the released code starts them all at one)."""
        return {"latents": 1.0}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        patches = self.down(silu(self.gate(features.hidden)) * self.up(features.hidden))
        borders, num = frame_borders(on_host(grids)), len(self.latents)
        frames = len(borders) - 1
        latents = self.latents.repeat(frames, 1)
        pieces = [
            torch.cat((torch.arange(first, last), borders[-1] + frame * num + torch.arange(num)))
            for frame, (first, last) in enumerate(pairwise(borders))
        ]
        order = torch.cat(pieces).to(patches.device)
        across = Across(
            tuple(range(0, (frames + 1) * num, num)), tuple(border + frame * num for frame, border in enumerate(borders))
        )
        for layer in self.layers:
            latents = layer(latents, patches, order, across)
        return self.norm(latents)


class PerceiverLayer(nn.Module):
    """Latents (Q, D), patches (P, D), the order that puts each frame's latents behind its patches → latents."""

    def __init__(self, cfg: Perceiver, dim: int) -> None:
        super().__init__()
        self.latent_norm, self.patch_norm, self.mlp_norm = (RmsNorm(dim, cfg.norm_eps) for _ in range(3))
        self.attention = CrossAttention(
            dim, dim, heads=cfg.heads, kv_heads=cfg.kv_heads, head_dim=cfg.head_dim, bias=False, output_bias=False
        )
        self.mlp = GatedMlp(dim, 4 * dim, activation="silu", bias=False, depth=cfg.depth)

    def forward(
        self, latents: Float[Tensor, "Q D"], patches: Float[Tensor, "P D"], order: Int[Tensor, "T"], across: Across
    ) -> Float[Tensor, "Q D"]:
        normed = self.latent_norm(latents)
        seen = torch.cat((self.patch_norm(patches), normed))[order]
        latents = latents + self.attention(normed, seen, seen, across)
        return latents + self.mlp(self.mlp_norm(latents))

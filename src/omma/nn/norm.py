"""Norms: hidden (..., D) → hidden (..., D). `rms`: x / √(mean x² + ε) · w. `layer`: (x − mean) / √(var + ε) · w + b."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

NormKind = Literal["rms", "layer"]


class RmsNorm(nn.Module):
    """Root-mean-square norm (arXiv 1910.07467), computed in fp32 whatever comes in, returned in the input's precision."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        wide = hidden.float()
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return (wide * scale * self.weight).to(hidden.dtype)


def build_norm(kind: NormKind, dim: int, eps: float) -> nn.Module:
    """Kind, width, ε → the norm."""
    return RmsNorm(dim, eps) if kind == "rms" else nn.LayerNorm(dim, eps)

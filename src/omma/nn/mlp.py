"""Feed-forward branches: hidden (T, D) → hidden (T, D). `plain`: W₂ f(W₁ x). `gated`: W₃ (f(W₁ x) · W₂ x) (arXiv 2002.05202)."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

from omma.nn.init import ResidualLinear

MlpKind = Literal["plain", "gated"]
Activation = Literal["gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "relu2"]


def quick_gelu(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """x · σ(1.702 x), the sigmoid approximation of GELU that CLIP was trained with."""
    return x * torch.sigmoid(1.702 * x)


def relu_squared(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """max(x, 0)² (arXiv 2109.08668)."""
    return relu(x).square()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": gelu, "gelu_tanh": partial(gelu, approximate="tanh"), "quick_gelu": quick_gelu, "silu": silu, "relu": relu,
    "relu2": relu_squared,
}  # fmt: skip


class PlainMlp(nn.Module):
    """Two matrices with an activation between them."""

    def __init__(self, dim: int, hidden_dim: int, *, activation: Activation, bias: bool, depth: int) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[activation]
        self.up = nn.Linear(dim, hidden_dim, bias=bias)
        self.down = ResidualLinear(hidden_dim, dim, depth=depth, bias=bias)

    def forward(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
        return self.down(self.activate(self.up(hidden)))


class GatedMlp(nn.Module):
    """Three matrices: an activated gate times a linear branch, then out (SwiGLU with `silu`)."""

    def __init__(self, dim: int, hidden_dim: int, *, activation: Activation, bias: bool, depth: int) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[activation]
        self.gate = nn.Linear(dim, hidden_dim, bias=bias)
        self.up = nn.Linear(dim, hidden_dim, bias=bias)
        self.down = ResidualLinear(hidden_dim, dim, depth=depth, bias=bias)

    def forward(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
        return self.down(self.activate(self.gate(hidden)) * self.up(hidden))


def build_mlp(kind: MlpKind, dim: int, hidden_dim: int, *, activation: Activation, bias: bool, depth: int) -> nn.Module:
    """Kind and sizes → the branch; `depth` is the number of blocks of the stack that it belongs to."""
    branch = PlainMlp if kind == "plain" else GatedMlp
    return branch(dim, hidden_dim, activation=activation, bias=bias, depth=depth)

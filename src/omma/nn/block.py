"""Pre-norm transformer block and stack: hidden (T, D) → hidden (T, D), attending through whatever the caller hands in.

x ← x + attention(norm(x)); x ← x + mlp(norm(x)). Encoders and decoders share it; what differs are sizes and kinds.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from omma.nn.init import ResidualLinear
from omma.nn.mlp import Activation, MlpKind, build_mlp
from omma.nn.norm import NormKind, RmsNorm, build_norm
from omma.nn.rotary import Rotation, Still

QkNorm = Literal["none", "rms"]
Turn = Rotation | Still


@runtime_checkable
class LayerAttend(Protocol):
    """How layer number `layer` attends: over packed documents, or through a cache."""

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGK: Tensor) -> Tensor:
        """(T, H, K), (T, G, K), (T, G, K) → (T, H, K)."""
        ...


class SelfAttention(nn.Module):
    """Projections around an attention: queries in `heads`, keys and values in `kv_heads`, each `head_dim` wide."""

    def __init__(
        self, dim: int, *, heads: int, kv_heads: int, head_dim: int, qkv_bias: bool, output_bias: bool, qk_norm: QkNorm,
        norm_eps: float, depth: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.head_dim = head_dim
        self.query = nn.Linear(dim, heads * head_dim, bias=qkv_bias)
        self.key = nn.Linear(dim, kv_heads * head_dim, bias=qkv_bias)
        self.value = nn.Linear(dim, kv_heads * head_dim, bias=qkv_bias)
        self.output = ResidualLinear(heads * head_dim, dim, depth=depth, bias=output_bias)
        self.query_norm, self.key_norm = (RmsNorm(head_dim, norm_eps) if qk_norm == "rms" else nn.Identity() for _ in range(2))

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        q_THK, k_TGK, v_TGK = (project(hidden).unflatten(-1, (-1, self.head_dim)) for project in (self.query, self.key, self.value))
        q_THK, k_TGK = turn(self.query_norm(q_THK)), turn(self.key_norm(k_TGK))
        return self.output(attend(layer, q_THK, k_TGK, v_TGK).flatten(1))


class Block(nn.Module):
    """One layer of a stack."""

    def __init__(self, attention_norm: nn.Module, attention: SelfAttention, mlp_norm: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.attention_norm, self.attention, self.mlp_norm, self.mlp = attention_norm, attention, mlp_norm, mlp

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        hidden = hidden + self.attention(self.attention_norm(hidden), turn, attend, layer)
        return hidden + self.mlp(self.mlp_norm(hidden))


class Stack(nn.ModuleList):
    """Blocks in a row. With `recompute` on, a block's inner states are computed again in the backward pass instead of kept."""

    recompute = False

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend) -> Float[Tensor, "T D"]:
        run = _run_again if self.recompute and torch.is_grad_enabled() else _run
        for layer, block in enumerate(self):
            hidden = run(block, hidden, turn, attend, layer)
        return hidden


def build_stack(
    num_blocks: int, dim: int, *, heads: int, kv_heads: int, head_dim: int, qkv_bias: bool, output_bias: bool, qk_norm: QkNorm,
    norm: NormKind, norm_eps: float, mlp: MlpKind, mlp_width: int, activation: Activation, mlp_bias: bool,
) -> Stack:  # fmt: skip
    """Sizes and kinds → stack of equal blocks."""

    def block() -> Block:
        attention = SelfAttention(
            dim, heads=heads, kv_heads=kv_heads, head_dim=head_dim, qkv_bias=qkv_bias, output_bias=output_bias, qk_norm=qk_norm,
            norm_eps=norm_eps, depth=num_blocks,
        )  # fmt: skip
        branch = build_mlp(mlp, dim, mlp_width, activation=activation, bias=mlp_bias, depth=num_blocks)
        return Block(build_norm(norm, dim, norm_eps), attention, build_norm(norm, dim, norm_eps), branch)

    return Stack(block() for _ in range(num_blocks))


def recompute(module: nn.Module, on: bool) -> None:
    """Module → gradient checkpointing of all stacks inside it switched on or off."""
    for part in module.modules():
        if isinstance(part, Stack):
            part.recompute = on


def _run(block: Callable[..., Tensor], hidden: Tensor, turn: Turn, attend: LayerAttend, layer: int) -> Tensor:
    return block(hidden, turn, attend, layer)


def _run_again(block: Callable[..., Tensor], hidden: Tensor, turn: Turn, attend: LayerAttend, layer: int) -> Tensor:
    # No block draws random numbers, so their state need not be kept.
    return checkpoint(block, hidden, turn, attend, layer, use_reentrant=False, preserve_rng_state=False)

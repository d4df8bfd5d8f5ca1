"""Pre-norm transformer block and stack: hidden (T, D) → hidden (T, D), attending through whatever the caller hands in.

x ← x + attention(norm(x)); x ← x + mlp(norm(x)). Encoders and decoders share it; what differs are sizes and kinds.
"""

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from omma.nn.init import ResidualLinear, SelfScaled
from omma.nn.mlp import Activation, MlpKind, build_mlp
from omma.nn.norm import NormKind, RmsNorm, build_norm
from omma.nn.rotary import Rotation, Still

QkNorm = Literal["none", "rms", "rms_wide", "layer"]  # of each head, or of all heads as one vector
Turn = Rotation | Still
BetweenBlocks = Callable[[int, Tensor], Tensor]  # (number of the next block, hidden) → hidden


@runtime_checkable
class LayerAttend(Protocol):
    """How layer number `layer` attends: over packed documents, or through a cache."""

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
        """(T, H, K), (T, G, K), (T, G, V) → (T, H, V). A token sees itself and the `window` − 1 before it, or (0) all."""
        ...


class SelfAttention(nn.Module):
    """Projections around an attention: queries in `heads`, keys and values in `kv_heads`, each `head_dim` wide.

    With a `window` above 0 a token sees so many tokens at most, itself included.
    """

    def __init__(
        self, dim: int, *, heads: int, kv_heads: int, head_dim: int, qkv_bias: bool, output_bias: bool, qk_norm: QkNorm,
        norm_eps: float, depth: int, window: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.head_dim, self.window = head_dim, window
        self.query = nn.Linear(dim, heads * head_dim, bias=qkv_bias)
        self.key = nn.Linear(dim, kv_heads * head_dim, bias=qkv_bias)
        self.value = nn.Linear(dim, kv_heads * head_dim, bias=qkv_bias)
        self.output = ResidualLinear(heads * head_dim, dim, depth=depth, bias=output_bias)
        self.query_norm, self.key_norm = (_head_norm(qk_norm, num, head_dim, norm_eps) for num in (heads, kv_heads))

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        q_THK, k_TGK, v_TGK = (project(hidden).unflatten(-1, (-1, self.head_dim)) for project in (self.query, self.key, self.value))
        q_THK, k_TGK = turn(self.query_norm(q_THK)), turn(self.key_norm(k_TGK))
        return self.output(attend(layer, q_THK, k_TGK, v_TGK, self.window).flatten(1))


class WideRmsNorm(RmsNorm):
    """Queries or keys (T, H, K) normed with all heads as one vector, as InternViT-6B does."""

    def forward(self, hidden: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
        return super().forward(hidden.flatten(1)).view_as(hidden)


class ChannelScale(SelfScaled):
    """hidden (T, D) · scale (D,), all of it `start` at first."""

    def __init__(self, dim: int, start: float) -> None:
        super().__init__()
        self.start, self.scale = start, nn.Parameter(torch.empty(dim))

    def constants(self) -> dict[str, float]:
        """The one value that all channels start with."""
        return {"scale": self.start}

    def forward(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
        return hidden * self.scale


class Block(nn.Module):
    """One layer of a stack."""

    def __init__(self, attention_norm: nn.Module, attention: nn.Module, mlp_norm: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.attention_norm, self.attention, self.mlp_norm, self.mlp = attention_norm, attention, mlp_norm, mlp

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        hidden = hidden + self.attention(self.attention_norm(hidden), turn, attend, layer)
        return hidden + self.mlp(self.mlp_norm(hidden))


class ScaledBlock(Block):
    """A block whose branches are multiplied channel by channel before they are added (LayerScale, arXiv 2103.17239)."""

    def __init__(
        self, attention_norm: nn.Module, attention: nn.Module, mlp_norm: nn.Module, mlp: nn.Module, *, dim: int, start: float
    ) -> None:
        super().__init__(attention_norm, attention, mlp_norm, mlp)
        self.attention_scale, self.mlp_scale = ChannelScale(dim, start), ChannelScale(dim, start)

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        hidden = hidden + self.attention_scale(self.attention(self.attention_norm(hidden), turn, attend, layer))
        return hidden + self.mlp_scale(self.mlp(self.mlp_norm(hidden)))


class Stack(nn.ModuleList):
    """Blocks in a row. With `recompute` on, a block's inner states are computed again in the backward pass instead of kept."""

    recompute = False

    def forward(
        self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, between: BetweenBlocks | None = None
    ) -> Float[Tensor, "T D"]:
        run = _run_again if self.recompute and torch.is_grad_enabled() else _run
        for layer, block in enumerate(self):
            if between is not None:
                hidden = between(layer, hidden)
            hidden = run(block, hidden, turn, attend, layer)
        return hidden if between is None else between(len(self), hidden)


class Chain(nn.Sequential):
    """Parts in a row that take and give nothing but hidden states, such as blocks of maps. `recompute` as of a `Stack`."""

    recompute = False

    def forward(self, hidden: Tensor) -> Tensor:
        again = self.recompute and torch.is_grad_enabled()
        for part in self:
            hidden = checkpoint(part, hidden, use_reentrant=False, preserve_rng_state=_draws(part)) if again else part(hidden)
        return hidden


def build_stack(
    num_blocks: int, dim: int, *, heads: int, kv_heads: int, head_dim: int, qkv_bias: bool, output_bias: bool, qk_norm: QkNorm,
    norm: NormKind, norm_eps: float, mlp: MlpKind, mlp_width: int, activation: Activation, mlp_bias: bool,
    layer_scale: float = 0.0, make_attention: Callable[[int], nn.Module] | None = None,
    make_mlp: Callable[[int], nn.Module] | None = None,
) -> Stack:  # fmt: skip
    """Sizes and kinds → stack of blocks. `layer_scale` > 0 is where each block's channel scales start.

    `make_attention` and `make_mlp` make other branches than the ones that sizes and kinds say, by number of the block.
    """

    def plain_attention(layer: int) -> nn.Module:
        return SelfAttention(
            dim, heads=heads, kv_heads=kv_heads, head_dim=head_dim, qkv_bias=qkv_bias, output_bias=output_bias, qk_norm=qk_norm,
            norm_eps=norm_eps, depth=num_blocks,
        )  # fmt: skip

    def plain_mlp(layer: int) -> nn.Module:
        return build_mlp(mlp, dim, mlp_width, activation=activation, bias=mlp_bias, depth=num_blocks)

    def block(layer: int) -> Block:
        attention, branch = (make_attention or plain_attention)(layer), (make_mlp or plain_mlp)(layer)
        parts = (build_norm(norm, dim, norm_eps), attention, build_norm(norm, dim, norm_eps), branch)
        return ScaledBlock(*parts, dim=dim, start=layer_scale) if layer_scale else Block(*parts)

    return Stack(block(layer) for layer in range(num_blocks))


def _head_norm(kind: QkNorm, heads: int, head_dim: int, norm_eps: float) -> nn.Module:
    if kind == "none":
        return nn.Identity()
    return WideRmsNorm(heads * head_dim, norm_eps) if kind == "rms_wide" else build_norm(kind, head_dim, norm_eps)


def recompute(module: nn.Module, on: bool) -> None:
    """Module → gradient checkpointing of all stacks and chains inside it switched on or off."""
    for part in module.modules():
        if isinstance(part, Stack | Chain):
            part.recompute = on


def _run(block: Callable[..., Tensor], hidden: Tensor, turn: Turn, attend: LayerAttend, layer: int) -> Tensor:
    return block(hidden, turn, attend, layer)


def _run_again(block: nn.Module, hidden: Tensor, turn: Turn, attend: LayerAttend, layer: int) -> Tensor:
    return checkpoint(block, hidden, turn, attend, layer, use_reentrant=False, preserve_rng_state=_draws(block))


def _draws(block: nn.Module) -> bool:
    """Whether a block draws random numbers, of which saving the state costs time: only where adapters bring dropout."""
    return any(isinstance(part, nn.Dropout) and part.training for part in block.modules())

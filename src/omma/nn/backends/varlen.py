"""Variable-length flash attention: q (T, H, K), k and v (T, G, K), mask → (T, H, K). CUDA, half precision, window-shaped rules."""

import importlib
from collections.abc import Callable
from functools import cache, partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from omma.nn.mask import Both, Causal, Full, Packed, Rule, Window

UNBOUNDED = -1  # the kernel's word for "no limit on this side"


def is_window(rule: Rule) -> bool:
    """Whether the kernel can express the rule as so many keys to the left and so many to the right."""
    if isinstance(rule, Both):
        return is_window(rule.left) and is_window(rule.right)
    return isinstance(rule, (Causal, Full, Window))


def window(rule: Rule) -> tuple[int, int]:
    """Rule for which `is_window` holds → (keys to the left, keys to the right) of each query, UNBOUNDED for no limit."""
    if isinstance(rule, Both):
        (left, right), (other_left, other_right) = window(rule.left), window(rule.right)
        return _narrower(left, other_left), _narrower(right, other_right)
    if isinstance(rule, Window):
        return rule.size - 1, rule.size - 1
    return (UNBOUNDED, 0) if isinstance(rule, Causal) else (UNBOUNDED, UNBOUNDED)


def attend_varlen(
    q_THK: Float[Tensor, "T H K"], k_TGK: Float[Tensor, "T G K"], v_TGK: Float[Tensor, "T G K"], mask: Packed
) -> Float[Tensor, "T H K"]:
    """One kernel over the whole stream; documents are its `cu_seqlens`."""
    borders = mask.once("varlen", partial(mask.cu_seqlens.to, torch.int32))
    longest = max(mask.lengths, default=0)
    shared = q_THK.shape[1] != k_TGK.shape[1]
    narrow = v_TGK.shape[2]
    v_TGK = pad(v_TGK, (0, q_THK.shape[2] - narrow))  # the kernel wants values as wide as keys
    output = _kernel()(q_THK, k_TGK, v_TGK, borders, borders, longest, longest, window_size=window(mask.rule), enable_gqa=shared)
    return output[..., :narrow]


@cache
def _kernel() -> Callable[..., Tensor]:
    # torch's compiler comes with it: seconds that a command on CPU need not wait
    return importlib.import_module("torch.nn.attention.varlen").varlen_attn


def _narrower(first: int, second: int) -> int:
    return max(first, second) if UNBOUNDED in (first, second) else min(first, second)

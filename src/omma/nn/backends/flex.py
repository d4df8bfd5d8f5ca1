"""Flex attention: q (T, H, K), k and v (T, G, K), mask → (T, H, K) for rules that no ready kernel expresses.

On CUDA the kernel is compiled from the rule; on CPU torch only has the uncompiled forward pass, without gradients.
"""

import importlib
import warnings
from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from omma.nn.mask import Packed


def attend_flex(
    q_THK: Float[Tensor, "T H K"], k_TGK: Float[Tensor, "T G K"], v_TGK: Float[Tensor, "T G K"], mask: Packed
) -> Float[Tensor, "T H K"]:
    """One call over the whole stream; blocks in which nothing is allowed are skipped."""
    blocks = mask.once("flex", partial(_block_mask, mask))
    q, k, v = (x.transpose(0, 1)[None] for x in (q_THK, k_TGK, v_TGK))
    kernel = _compiled() if q.is_cuda else _uncompiled
    return kernel(q, k, v, block_mask=blocks, enable_gqa=q.shape[1] != k.shape[1])[0].transpose(0, 1)


@cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(_library().flex_attention, dynamic=True)


def _uncompiled(q: Tensor, k: Tensor, v: Tensor, *, block_mask: Any, enable_gqa: bool) -> Tensor:
    with warnings.catch_warnings():
        # The advice to compile does not hold here: the CPU kernel would be built anew for each stream length.
        warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
        return _library().flex_attention(q, k, v, block_mask=block_mask, enable_gqa=enable_gqa)


def _block_mask(mask: Packed) -> Any:
    def allowed(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return mask.allows(query, key)

    size = mask.num_tokens
    return _library().create_block_mask(allowed, None, None, size, size, device=mask.cu_seqlens.device)


@cache
def _library() -> ModuleType:
    # torch's compiler comes with it: seconds that a command on CPU need not wait
    return importlib.import_module("torch.nn.attention.flex_attention")

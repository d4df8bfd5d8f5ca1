"""Attention over packed documents: q (T, H, K), k (T, G, K), v (T, G, V) and a mask → (T, H, V). One door to all back ends.

    mask = Packed(cu_seqlens, Causal() | Spans(span_ids))
    out_THK = attend(q_THK, k_TGK, v_TGK, mask)

`auto` takes `documents` on CPU; on CUDA `varlen` for half precision and window-shaped rules, `documents` for fp32,
`flex` for the other rules. A back end that was asked for by name and cannot do it raises instead of giving way.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from omma.core.config import did_you_mean
from omma.core.errors import ConfigError, ShapeError
from omma.nn.backends.documents import attend_documents
from omma.nn.backends.eager import attend_eager, attention_map
from omma.nn.backends.flex import attend_flex
from omma.nn.backends.varlen import attend_varlen, is_window
from omma.nn.mask import Both, Causal, Either, Full, Packed, Rule, Spans, Window

__all__ = [
    "Backend", "Both", "Causal", "Either", "Full", "Packed", "PackedAttend", "Rule", "Spans", "Window", "attend", "attention_map",
]  # fmt: skip

Backend = Literal["auto", "documents", "varlen", "flex", "eager"]
HALF = (torch.float16, torch.bfloat16)
KERNELS: dict[str, Callable[[Tensor, Tensor, Tensor, Packed], Tensor]] = {
    "documents": attend_documents, "varlen": attend_varlen, "flex": attend_flex, "eager": attend_eager,
}  # fmt: skip


def attend(
    q_THK: Float[Tensor, "T H K"],
    k_TGK: Float[Tensor, "T G K"],
    v_TGV: Float[Tensor, "T G V"],
    mask: Packed,
    backend: Backend = "auto",
) -> Float[Tensor, "T H V"]:
    """softmax(q kᵀ / √K) v inside each document, under the mask's rule. H is a multiple of G (grouped queries).

    Raises ShapeError for tensors that do not fit each other or the mask, ConfigError for a back end that cannot do it.
    """
    _fit(q_THK, k_TGK, v_TGV, mask)
    name = _choose(q_THK, mask) if backend == "auto" else backend
    obstacle = _obstacle(name, q_THK, k_TGK, v_TGV, mask)
    if obstacle:
        raise ConfigError("nn.attention", f"back end {name!r} {obstacle}", "", "take backend='auto'")
    return KERNELS[name](q_THK, k_TGK, v_TGV, mask)


class PackedAttend:
    """How blocks attend in training: every layer under the same mask, or under its part in the layer's window.

    Implements `model.slots.Attend`. The layers named in `record` leave their attention weights (H, T, T) in `maps`,
    recomputed from their q and k.
    """

    def __init__(self, mask: Packed, backend: Backend = "auto", record: tuple[int, ...] = ()) -> None:
        self.mask, self.backend, self.record = mask, backend, record
        self.maps: dict[int, Tensor] = {}

    def __call__(
        self,
        layer: int,
        q_THK: Float[Tensor, "T H K"],
        k_TGK: Float[Tensor, "T G K"],
        v_TGV: Float[Tensor, "T G V"],
        window: int = 0,
    ) -> Float[Tensor, "T H V"]:
        """(T, H, K), (T, G, K), (T, G, V) → (T, H, V)."""
        mask = self.mask.once(f"window {window}", partial(_windowed, self.mask, window)) if window else self.mask
        if layer in self.record:
            self.maps[layer] = attention_map(q_THK, k_TGK, mask)
        return attend(q_THK, k_TGK, v_TGV, mask, self.backend)


def _windowed(mask: Packed, window: int) -> Packed:
    """The mask's part within the window; the mask itself where no document is longer, so that fast paths stay open."""
    return Packed(mask.cu_seqlens, mask.rule & Window(window)) if max(mask.lengths, default=0) > window else mask


def _choose(q_THK: Tensor, mask: Packed) -> str:
    if not q_THK.is_cuda:
        return "documents"
    if not is_window(mask.rule):
        return "flex"
    return "varlen" if q_THK.dtype in HALF else "documents"


def _obstacle(name: str, q: Tensor, k: Tensor, v: Tensor, mask: Packed) -> str:
    """Why this back end cannot do it, or nothing."""
    if name not in KERNELS:
        return f"is unknown; {did_you_mean(name, get_args(Backend))}"
    if name == "varlen" and not q.is_cuda:
        return f"runs on CUDA only, not on {q.device.type}"
    if name == "varlen" and q.dtype not in HALF:
        return f"takes float16 or bfloat16, not {str(q.dtype).removeprefix('torch.')}"
    if name == "varlen" and not is_window(mask.rule):
        return f"cannot express {mask.rule}"
    wants_gradient = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if name == "flex" and not q.is_cuda and wants_gradient:
        return "has no gradients on CPU"
    return ""


def _fit(q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, mask: Packed) -> None:
    if k_TGK.shape[:2] != v_TGV.shape[:2] or q_THK.shape[::2] != k_TGK.shape[::2]:
        shapes = f"q {tuple(q_THK.shape)}, k {tuple(k_TGK.shape)}, v {tuple(v_TGV.shape)}"
        raise ShapeError("nn.attention", shapes, "(T, H, K), (T, G, K), (T, G, V)")
    if q_THK.shape[1] % k_TGK.shape[1]:
        heads = f"{q_THK.shape[1]} query heads over {k_TGK.shape[1]} key-value heads"
        raise ShapeError("nn.attention", heads, "a multiple, so that each key-value head serves as many queries")
    if len(q_THK) != mask.num_tokens:
        raise ShapeError("nn.attention", f"{len(q_THK)} tokens", f"{mask.num_tokens}, the end of the last document")

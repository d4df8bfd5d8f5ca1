"""Eager attention: q (T, H, K), k and v (T, G, K), mask → (T, H, K) by a dense (T, T) mask. To read, to record, to test against."""

import torch
from jaxtyping import Float
from torch import Tensor

from omma.nn.mask import Packed


def attend_eager(
    q_THK: Float[Tensor, "T H K"], k_TGK: Float[Tensor, "T G K"], v_TGK: Float[Tensor, "T G K"], mask: Packed
) -> Float[Tensor, "T H K"]:
    """softmax(q kᵀ / √K) v with everything the mask forbids left out."""
    v_THK = v_TGK.repeat_interleave(q_THK.shape[1] // v_TGK.shape[1], dim=1)
    weights_HTT = attention_map(q_THK, k_TGK, mask)
    return torch.einsum("hqk,khd->qhd", weights_HTT.to(v_THK.dtype), v_THK)


def attention_map(q_THK: Float[Tensor, "T H K"], k_TGK: Float[Tensor, "T G K"], mask: Packed) -> Float[Tensor, "H T T"]:
    """Queries and keys → attention weights in fp32; a query that may see nothing has a row of zeros."""
    k_THK = k_TGK.repeat_interleave(q_THK.shape[1] // k_TGK.shape[1], dim=1)
    scores_HTT = torch.einsum("qhd,khd->hqk", q_THK.float(), k_THK.float()) * q_THK.shape[-1] ** -0.5
    allowed_TT = mask.once("eager", mask.dense)
    # A large finite number instead of -inf: a row without any key then has a gradient of zero, not NaN.
    scores_HTT = scores_HTT.masked_fill(~allowed_TT, torch.finfo(scores_HTT.dtype).min)
    return scores_HTT.softmax(dim=-1) * allowed_TT

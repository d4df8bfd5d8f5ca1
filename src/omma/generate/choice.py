"""Choice: logits (B, V) + one uniform draw per row → next token of each row. Filters in transformers' order.

Temperature, then top-k, then top-p (arXiv 1904.09751), then min-p (arXiv 2407.01082), each on what the one before
left over.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.generate.sampling import Sampling

BELOW_ONE = 1.0 - 1e-9  # a draw that rounds up to 1 would fall behind the last token, where banned ids may stand


def choose(logits_BV: Float[Tensor, "B V"], sampling: Sampling, draws_B: Float[Tensor, "B"]) -> Int[Tensor, "B"]:
    """Logits and one draw per row → token ids: the likeliest at temperature 0, else by inverting the filtered CDF."""
    if sampling.temperature == 0.0:
        return logits_BV.argmax(dim=-1)
    probability = filtered(logits_BV, sampling).double().softmax(dim=-1)
    cumulative = probability.cumsum(dim=-1)
    target = draws_B.double().clamp(max=BELOW_ONE)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(1)


def filtered(logits_BV: Float[Tensor, "B V"], sampling: Sampling) -> Float[Tensor, "B V"]:
    """Logits → logits over the temperature, −inf where a filter cuts. The likeliest token always stays."""
    logits_BV = logits_BV / sampling.temperature
    if 0 < sampling.top_k < logits_BV.shape[-1]:
        logits_BV = keep_top_k(logits_BV, sampling.top_k)
    if sampling.top_p < 1.0:
        logits_BV = keep_top_p(logits_BV, sampling.top_p)
    if sampling.min_p > 0.0:
        logits_BV = keep_min_p(logits_BV, sampling.min_p)
    return logits_BV


def keep_top_k(logits_BV: Float[Tensor, "B V"], top_k: int) -> Float[Tensor, "B V"]:
    """−inf for everything below the k-th largest logit; ties with it stay."""
    threshold = logits_BV.topk(top_k, dim=-1).values[:, -1:]
    return logits_BV.masked_fill(logits_BV < threshold, -torch.inf)


def keep_top_p(logits_BV: Float[Tensor, "B V"], top_p: float) -> Float[Tensor, "B V"]:
    """−inf for tokens whose likelier ones already hold a mass of `top_p`."""
    descending, order = logits_BV.sort(dim=-1, descending=True, stable=True)
    probability = descending.softmax(dim=-1)
    before = probability.cumsum(dim=-1) - probability
    before[:, 0] = 0.0  # exactly, so that the likeliest token stays for the smallest top_p
    return logits_BV.masked_fill((before >= top_p).scatter(1, order, before >= top_p), -torch.inf)


def keep_min_p(logits_BV: Float[Tensor, "B V"], min_p: float) -> Float[Tensor, "B V"]:
    """−inf for tokens less than `min_p` times as likely as the likeliest."""
    probability = logits_BV.softmax(dim=-1)
    return logits_BV.masked_fill(probability < min_p * probability.amax(dim=-1, keepdim=True), -torch.inf)

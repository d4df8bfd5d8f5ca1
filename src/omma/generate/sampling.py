"""Sampling: logits (B, V) + one uniform draw per row → next token of each row. Filters in transformers' order.

Temperature, then top-k, then top-p (arXiv 1904.09751), then min-p (arXiv 2407.01082), each on what the one before
left over. A row's draws come from (seed, row id) alone, so that its text does not depend on its batch mates.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.core.seeds import generator

COLDEST = 1e-6  # below it, logits over the temperature are no longer finite
BELOW_ONE = 1.0 - 1e-9  # a draw that rounds up to 1 would fall behind the last token, where banned ids may stand


@config
class Sampling(Config):
    """How the next token is chosen. The defaults are greedy.

    `temperature` 0 takes the likeliest token; above it, tokens are drawn from what the filters leave: the `top_k`
    likeliest (0: all), the fewest whose mass reaches `top_p` (1: all), those at least `min_p` times as likely as the
    likeliest (0: all). A reply ends after `max_tokens`, at a stop token, or before the first of the `stop` texts.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 0

    def check(self) -> None:
        if self.temperature != 0.0 and not COLDEST <= self.temperature < float("inf"):
            raise ConfigError("Sampling.temperature", str(self.temperature), f"0 (greedy) or a number from {COLDEST} on")
        if not 0.0 < self.top_p <= 1.0:
            raise ConfigError("Sampling.top_p", str(self.top_p), "a mass above 0, at most 1", "1 keeps every token")
        if self.top_k < 0:
            raise ConfigError("Sampling.top_k", str(self.top_k), "a number of tokens", "0 keeps every token")
        if not 0.0 <= self.min_p <= 1.0:
            raise ConfigError("Sampling.min_p", str(self.min_p), "a ratio from 0 to 1", "0 keeps every token")
        if self.max_tokens < 1:
            raise ConfigError("Sampling.max_tokens", str(self.max_tokens), "at least 1")
        if "" in self.stop:
            raise ConfigError("Sampling.stop", "an empty text", "texts of at least one character", "leave it out")


def draws(sampling: Sampling, row_ids: Sequence[str]) -> Float[np.ndarray, "B L"]:
    """Row ids → one uniform draw in [0, 1) for each row and each of `max_tokens` steps."""
    if sampling.temperature == 0.0:
        return np.zeros((len(row_ids), sampling.max_tokens))
    rows = [generator(sampling.seed, "sampling", row_id).random(sampling.max_tokens) for row_id in row_ids]
    return np.stack(rows) if rows else np.zeros((0, sampling.max_tokens))


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

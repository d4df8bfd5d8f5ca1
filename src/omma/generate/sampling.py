"""Sampling: how tokens are chosen, and the draws of each row, from (seed, row id) alone: no text depends on its batch mates."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.core.seeds import generator

COLDEST = 1e-6  # below it, logits over the temperature are no longer finite


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

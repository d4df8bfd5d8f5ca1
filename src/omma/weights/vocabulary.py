"""Vocabulary: rows of the embedding and the head for tokens that a checkpoint has never seen.

A new row is the mean of those that are there, so that a new token starts as likely as any other and no logit leaves the
range that the model knows (Hewitt 2021, "Initializing new word embeddings for pretrained language models"). A tied head is
the embedding itself and grows with it.
"""

import torch
from torch import Tensor

from omma.core.errors import CheckpointError


def grow(rows: Tensor, num_rows: int, *, where: str) -> Tensor:
    """(V, D) or (V,) → the same with `num_rows` rows, the new ones their mean. CheckpointError for fewer than there are."""
    if num_rows < len(rows):
        fix = f"set vocab_size to {len(rows)}: dropping rows would change what token ids mean"
        raise CheckpointError(where, f"{len(rows)} rows of the vocabulary", f"at most {num_rows}", fix)
    if num_rows == len(rows):
        return rows
    mean = rows.float().mean(dim=0, keepdim=True).to(rows.dtype)
    return torch.cat((rows, mean.expand(num_rows - len(rows), *rows.shape[1:])))


def grows(given: tuple[int, ...], own: tuple[int, ...], vocab_size: int) -> bool:
    """Whether a stored tensor lacks nothing but rows for new tokens."""
    return own[:1] == (vocab_size,) and len(given) == len(own) and given[0] < vocab_size and given[1:] == own[1:]

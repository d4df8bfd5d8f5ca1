"""Objective: (Output, Batch) → Loss, a weighted sum of token losses with its weights. One subclass per file."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import Config, config
from omma.schema.batch import Batch
from omma.schema.output import Loss, Output


@config
class Objective(Config):
    """What a stage minimises: Σ `total` / Σ `weight` over all micro-batches and ranks of a step.

    `weights` follows from the batch alone, so that the true global denominator is known before any forward pass.
    """

    def weights(self, batch: Batch) -> Float[Tensor, "T"]:
        """Weight of each position's token loss, 0 where nothing is supervised."""
        raise NotImplementedError(f"{type(self).__name__} has no weights")

    def __call__(self, output: Output, batch: Batch) -> Loss:
        """The weighted sum of token losses, differentiable in the output's hidden states and head."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")


def documents(batch: Batch) -> Int[Tensor, "T"]:
    """Number of the document that each position of the stream belongs to."""
    lengths = batch.cu_seqlens.diff().long()
    return torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths, output_size=len(batch.tokens))

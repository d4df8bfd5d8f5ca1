"""Guard: a step whose loss or gradient is not finite → the samples it came from."""

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import nn

from omma.objective.objective import documents
from omma.schema.batch import Batch
from omma.schema.output import Loss


def culprits(batches: Sequence[Batch], losses: Sequence[Loss], backward: Callable[[Batch], bool]) -> list[str]:
    """Micro-batches with their losses → ids of the samples to blame.

    A document with a token loss that is not finite is to blame. If all losses are finite the gradient overflowed: then
    `backward(batch)` runs each document alone and says whether its gradient is finite.
    """
    blamed = [name for batch, loss in zip(batches, losses, strict=True) for name in _with_bad_loss(batch, loss)]
    return blamed or [name for batch in batches for name in _with_bad_gradient(batch, backward)]


def broken_weights(module: nn.Module) -> list[str]:
    """Names of parameters that are not finite themselves: then no sample is to blame."""
    return [name for name, parameter in module.named_parameters() if not torch.isfinite(parameter).all()]


def _with_bad_loss(batch: Batch, loss: Loss) -> list[str]:
    bad = documents(batch)[loss.positions[~torch.isfinite(loss.token_loss)]].unique().tolist()
    return [batch.sample_ids[i] for i in bad]


def _with_bad_gradient(batch: Batch, backward: Callable[[Batch], bool]) -> list[str]:
    alone = [_document(batch, number) for number in range(len(batch.sample_ids))]
    return [one.sample_ids[0] for one in alone if one.num_supervised and not backward(one)]


def _document(batch: Batch, number: int) -> Batch:
    """One document of a batch as a batch. All pictures stay, so that `gather` keeps its meaning."""
    first, last = int(batch.cu_seqlens[number]), int(batch.cu_seqlens[number + 1])
    inside = (batch.slots >= first) & (batch.slots < last)
    tags = batch.tags[(batch.tags[:, 0] >= first) & (batch.tags[:, 0] < last)]
    return dataclasses.replace(
        batch,
        tokens=batch.tokens[first:last],
        positions=batch.positions[first:last],
        cu_seqlens=batch.cu_seqlens[number : number + 2] - first,
        labels=batch.labels[first:last],
        slots=batch.slots[inside] - first,
        gather=batch.gather[inside],
        tags=tags - tags.new_tensor([first, first, 0, 0]),
        sample_ids=batch.sample_ids[number : number + 1],
        sources=batch.sources[number : number + 1],
    )

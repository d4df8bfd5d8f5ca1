"""Losses: a packed batch with labels → the summed loss and the number of supervised tokens of each document, no gradient."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from omma.model.vlm import VlmModule
from omma.schema.batch import IGNORE, Batch

CHUNK_VALUES = 8 * 2**20  # logits alive at a time


def token_losses(module: VlmModule, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Batch → (S,) summed losses and (S,) numbers of supervised tokens, document by document."""
    with torch.no_grad():
        output = module(batch)
        labels = batch.labels[output.stream.origin]
        index = (labels != IGNORE).nonzero().squeeze(1)
        places, target = output.stream.origin[index], labels[index]
        chunk = max(1, CHUNK_VALUES // len(output.head))
        parts = [
            cross_entropy(output.logits(index[i : i + chunk]).float(), target[i : i + chunk], reduction="none")
            for i in range(0, len(index), chunk)
        ]
    document = torch.searchsorted(batch.cu_seqlens.long(), places, right=True).cpu().numpy() - 1
    loss = torch.cat(parts).double().cpu().numpy() if parts else np.zeros(0)
    size = len(batch.sample_ids)
    return np.bincount(document, loss, minlength=size), np.bincount(document, minlength=size)

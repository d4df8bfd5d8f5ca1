"""Pair batch: pictures and a text for each → the gradients of a contrastive loss over all of them, in the memory of a part.

Parts of a batch (Gao et al. 2021, arXiv 2101.06983): first the vectors of all without a graph, the loss and its gradient with
respect to them, then each part once more with that gradient. The result is that of the whole batch at once, to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from omma.model.dual import Dual, DualModule
from omma.objective.contrastive import Contrastive
from omma.pack.captions import Tiles, caption_ids, packed
from omma.pack.codec import Codec
from omma.schema.batch import Asked, Pictures
from omma.schema.sample import Media


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pictures and a text for each."""

    pictures: Pictures
    words: Asked

    def to(self, device: torch.device) -> "PairBatch":
        """The same on another device."""
        return PairBatch(self.pictures.to(device), Asked(self.words.tokens.to(device), self.words.cu_seqlens.to(device)))


def pair_batch(media: Sequence[Media], texts: Sequence[str], model: Dual, codec: Codec, tiles: Tiles) -> PairBatch:
    """Pictures and a text for each → a batch. DataError for a picture that cannot be used."""
    shown = [(one, model.plan(one.width, one.height)) for one in media]
    return PairBatch(tiles.packed(shown), packed(caption_ids(codec, texts, model.longest)))


def backward(module: DualModule, objective: Contrastive, parts: Sequence[PairBatch]) -> float:
    """Parts of one batch, of equal size → the loss of all their pairs together, its gradients added to the parameters'."""
    if len(parts) == 1:
        seen, read = embedded(module, parts[0])
        return _descend(module, objective, seen, read)
    with torch.no_grad():
        seen, read = vectors(module, parts)
    seen, read = seen.requires_grad_(), read.requires_grad_()
    loss = _descend(module, objective, seen, read)
    assert seen.grad is not None and read.grad is not None
    grads = zip(seen.grad.chunk(len(parts)), read.grad.chunk(len(parts)), strict=True)
    for part, grad in zip(parts, grads, strict=True):
        torch.autograd.backward(embedded(module, part), grad)
    return loss


def embedded(module: DualModule, part: PairBatch) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n D"]]:
    """A part → unit vectors of its pictures and of its texts."""
    return module.see(part.pictures), module.read(part.words.tokens, part.words.cu_seqlens)


def vectors(module: DualModule, parts: Sequence[PairBatch]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
    """The same of all parts, one behind the other."""
    seen, read = zip(*(embedded(module, part) for part in parts), strict=True)
    return torch.cat(seen), torch.cat(read)


def _descend(module: DualModule, objective: Contrastive, seen: Float[Tensor, "N D"], read: Float[Tensor, "N D"]) -> float:
    loss = objective(module.similarity(seen @ read.T))
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())

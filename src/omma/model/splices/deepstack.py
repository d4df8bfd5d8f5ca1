"""DeepStack splice (arXiv 2406.04334; Qwen3-VL): visual tokens enter the stream, features of inner layers join them behind blocks.

visual (N, (1 + n) · D): the first D values fill the slots as words do, part k of the rest is added there behind block k − 1.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.slots import Entry
from omma.model.splices.in_context import InContext, InContextModule
from omma.schema.batch import Batch, Stream


@config
class DeepStacked(InContext):
    """For connectors that give several vectors per visual token side by side (`DeepStack`)."""

    def check_fit(self, depth: int, vectors: int) -> None:
        """ConfigError for more vectors behind the first than there are blocks behind which to add them."""
        if vectors - 1 > depth:
            got, fix = f"{vectors - 1} inner layers to add behind the blocks", "take fewer levels, or a deeper language model"
            raise ConfigError("model.splice.DeepStacked", got, f"at most {depth}, the blocks of the language model", fix)

    def build(self, *, dim: int, layout_tokens: int) -> "DeepStackedModule":
        return DeepStackedModule(dim, layout_tokens)


class DeepStackedModule(InContextModule):
    """See `DeepStacked`. Layout embeddings and blocks behind the last part are left as they are."""

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N nD"], batch: Batch) -> Entry:
        """Raises ShapeError for visual tokens whose width is no multiple of the words'."""
        dim = hidden.shape[1]
        if visual.shape[1] % dim:
            fix = "take a connector that gives one or several vectors of the language model's width"
            raise ShapeError("model.splice", f"visual tokens {visual.shape[1]} wide", f"a multiple of {dim}, the words' width", fix)
        first, *deep = visual.split(dim, dim=1)
        entry = super().forward(hidden, first, batch)
        if not deep:
            return entry
        real = batch.gather >= 0
        slots, rows = batch.slots[real], batch.gather[real]
        return Entry(entry.hidden, Deep(tuple(part[rows].to(hidden.dtype) for part in deep), slots, len(hidden)))


@dataclass(frozen=True, slots=True)
class Deep:
    """Features (n, D) of `slots` in a stream that had `num_tokens`, one tensor for each of the first blocks."""

    features: tuple[Float[Tensor, "n D"], ...]
    slots: Int[Tensor, "n"]
    num_tokens: int

    def __call__(self, layer: int, stream: Stream) -> Stream:
        """Adds part k before block k, which is behind block k − 1; in a shortened stream to the tokens that are left."""
        if not 1 <= layer <= len(self.features):
            return stream
        slots, features = self.slots, self.features[layer - 1]
        if len(stream.origin) < self.num_tokens:
            place = torch.full((self.num_tokens,), -1, device=slots.device)
            place[stream.origin] = torch.arange(len(stream.origin), device=slots.device)
            left = place[slots] >= 0
            slots, features = place[slots[left]], features[left]
        return replace(stream, hidden=stream.hidden.index_add(0, slots, features))

    def later(self) -> None:
        """Nothing: a token that is decoded is a word."""

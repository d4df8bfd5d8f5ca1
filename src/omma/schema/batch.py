"""Batch: one packed stream of tokens from many documents, one packed stream of patches from many pictures. No padding."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

IGNORE = -100  # label of a position that is not supervised


@dataclass(frozen=True, slots=True)
class Pictures:
    """Tiles of all pictures: raw patches (channel, row, column order, 0..255) row by row, and (time, rows, columns) per tile."""

    patches: UInt8[Tensor, "P C"]
    grids: Int[Tensor, "I 3"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What the model reads. `labels[t]` is the token to predict *from* position t (already shifted), or IGNORE.

    `slots` are the positions in the stream that visual tokens fill; `gather` says which visual token of the
    connector's output fills each (negative: a learned layout embedding). A batch without pictures carries one blank
    tile and no slots, so that every part of the model runs on every rank.
    """

    tokens: Int[Tensor, "T"]
    positions: Tensor  # (T, A) int64, or float for position schemes with fractions
    cu_seqlens: Int[Tensor, "S1"]
    labels: Int[Tensor, "T"]
    pictures: Pictures
    slots: Int[Tensor, "N"]
    gather: Int[Tensor, "N"]
    sample_ids: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def num_supervised(self) -> int:
        """Positions with a label."""
        return int((self.labels != IGNORE).sum())

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        pictures = Pictures(self.pictures.patches.to(device), self.pictures.grids.to(device))
        moved = {f.name: getattr(self, f.name) for f in fields(self)} | {"pictures": pictures}
        placed: dict[str, Any] = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in moved.items()}
        return Batch(**placed)


@dataclass(frozen=True, slots=True)
class Stream:
    """Hidden states of a packed stream on their way through blocks.

    `positions` are the position ids of each token, `cu_seqlens` the document borders, `modality` 0 for text and
    1 for visual tokens, and `origin` the index of each token in the batch, so that a block may shorten the stream.
    `taps` are states (T, D) of inner layers that were asked for.
    """

    hidden: Float[Tensor, "T D"]
    positions: Tensor
    cu_seqlens: Int[Tensor, "S1"]
    modality: Int[Tensor, "T"]
    origin: Int[Tensor, "T"]
    taps: tuple[Tensor, ...] = ()

"""Batch: one packed stream of tokens from many documents, one packed stream of patches from many pictures. No padding."""

from dataclasses import dataclass, field, fields
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

IGNORE = -100  # label of a position that is not supervised


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of each tile, for connectors that read it: token ids of the connector's own vocabulary, a document per tile."""

    tokens: Int[Tensor, "W"]
    cu_seqlens: Int[Tensor, "I1"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Which tiles belong together: the number of the tile that shows the whole of each tile's picture, its own where there is none,
    and where on that one the tile lies: x0, y0, x1, y1 in parts of its sides."""

    whole: Int[Tensor, "I"]
    box: Float[Tensor, "I 4"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Tiles of all pictures: raw patches (channel, row, column order, 0..255) row by row, and (frames, rows, columns) per tile.

    The frames of a tile follow one another. Values are whole, but of tiles that an encoder has resized for another, and of sheets
    around pictures whose colour has fractions. `asked` is None for a model whose connector reads no words; without `windows`
    every tile is a picture of its own.
    """

    patches: Shaped[Tensor, "P C"]
    grids: Int[Tensor, "I 3"]
    asked: Asked | None = None
    windows: Windows | None = None

    def to(self, device: torch.device | str) -> "Pictures":
        """The same tiles on another device."""
        asked = self.asked and Asked(self.asked.tokens.to(device), self.asked.cu_seqlens.to(device))
        windows = self.windows and Windows(self.windows.whole.to(device), self.windows.box.to(device))
        return Pictures(self.patches.to(device), self.grids.to(device), asked, windows)


@dataclass(frozen=True, slots=True)
class Blends:
    """Tokens (M,) made as weighted sums of four visual tokens each: Σ_k weight[m, k] · visual[index[m, k]]."""

    index: Int[Tensor, "M 4"]
    weight: Float[Tensor, "M 4"]

    def behind(self, visual: Float[Tensor, "N D"]) -> Float[Tensor, "N2 D"]:
        """Visual tokens → the same with these behind them."""
        if not len(self.index):
            return visual
        return torch.cat((visual, torch.einsum("mk,mkd->md", self.weight.to(visual.dtype), visual[self.index])))


def no_blends() -> Blends:
    """None at all."""
    return Blends(torch.zeros(0, 4, dtype=torch.long), torch.zeros(0, 4))


def no_tags() -> Int[Tensor, "K 4"]:
    """None at all."""
    return torch.zeros(0, 4, dtype=torch.long)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the model reads. `labels[t]` is the token to predict *from* position t (already shifted), or IGNORE.

    `slots` are the positions in the stream that visual tokens fill; `gather` says which visual token of the
    connector's output fills each (negative: a learned layout embedding; from its end on: one of `blends`). For each row
    (a, b, c, d) of `tags` tokens [a, b) of the stream are a text tag of visual tokens [c, d). A batch without pictures
    carries one blank tile and no slots, so that every part of the model runs on every rank.
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
    blends: Blends = field(default_factory=no_blends)
    tags: Int[Tensor, "K 4"] = field(default_factory=no_tags)

    @property
    def num_supervised(self) -> int:
        """Positions with a label."""
        return int((self.labels != IGNORE).sum())

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        pictures = self.pictures.to(device)
        blends = Blends(self.blends.index.to(device), self.blends.weight.to(device))
        moved = {f.name: getattr(self, f.name) for f in fields(self)} | {"pictures": pictures, "blends": blends}
        placed: dict[str, Any] = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in moved.items()}
        return Batch(**placed)


@dataclass(frozen=True, slots=True)
class Stream:
    """Hidden states of a packed stream on their way through blocks.

    `positions` are the position ids of each token, `cu_seqlens` the document borders, `modality` 0 for text and
    1 for visual tokens, and `origin` the index of each token in the batch, so that a block may shorten the stream.
    `taps` are states (T, D) of inner layers that were asked for. `asked` and `windows` are what a connector may read beside patch
    features, as in `Pictures`.
    """

    hidden: Float[Tensor, "T D"]
    positions: Tensor
    cu_seqlens: Int[Tensor, "S1"]
    modality: Int[Tensor, "T"]
    origin: Int[Tensor, "T"]
    taps: tuple[Tensor, ...] = ()
    asked: Asked | None = None
    windows: Windows | None = None

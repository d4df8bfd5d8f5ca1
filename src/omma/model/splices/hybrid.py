"""Hybrid splice (NVLM-H, arXiv 2409.11402): a picture's thumbnail stands among the words, its tiles are looked at between blocks.

The thumbnail's visual tokens fill slots as in `InContext`; those of the other tiles are keys and values of gated
cross-attention. A picture of one tile is its own thumbnail. The embeddings of a tile's text tag (`Tag`) are keys and values in
front of its tokens (section 4.4). In the paper they are nothing else; here the tags stand among the words, too, where each sees its
own tile and itself alone.
"""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Entry
from omma.model.splices.cross_attention import GatedCross, GatedCrossModule, Looking, Tags, by_number, visual_borders
from omma.model.splices.in_context import InContextModule
from omma.schema.batch import Batch
from omma.schema.view import Blend, Layout, Steps, TilePlan

Borders = tuple[int, ...]


@config
class Hybrid(GatedCross):
    """The thumbnail is a picture's last tile or its first, as the view puts it: the one that a canvas of its own is made for."""

    thumbnail: Literal["last", "first"] = "last"

    def in_context(self, layout: Layout, plan: TilePlan, steps: tuple[Steps, ...]) -> Layout:
        """Text tags and the thumbnail's tokens, without layout embeddings.

        ConfigError for a view whose thumbnail stands elsewhere, or that does not show it whole.
        """
        canvases, sizes = [tile.canvas for tile in plan.tiles], [math.prod(grid) for grid in steps]
        end = 0 if self.thumbnail == "first" else -1
        if canvases.count(canvases[end]) > 1:
            got, fix = f"the {self.thumbnail} tile of a picture is a piece of it", "take a view with a thumbnail there"
            raise ConfigError("Hybrid.thumbnail", got, "the picture as a whole", fix)
        first = 0 if self.thumbnail == "first" else sum(sizes[:-1])
        last = first + sizes[end]
        own = [run if isinstance(run, str) else run[(run >= first) & (run < last)] for run in layout if not isinstance(run, Blend)]
        kept = [run for run in own if len(run)]
        border = first if self.thumbnail == "first" else last - 1
        if not any(isinstance(run, np.ndarray) and border in run for run in kept):
            raise ConfigError("Hybrid", "a view that leaves out a part of the thumbnail", "one that shows it whole")
        return tuple(kept)

    def build(self, *, dim: int, layout_tokens: int) -> "HybridModule":
        return HybridModule(self, dim)


class HybridModule(GatedCrossModule):
    """See `Hybrid`."""

    def __init__(self, cfg: Hybrid, dim: int) -> None:
        super().__init__(cfg, dim)
        self.last = cfg.thumbnail == "last"
        self.thumbnail = InContextModule(dim, 0)

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N D"], batch: Batch) -> Entry:
        entry = self.thumbnail(hidden, visual, batch)
        borders = visual_borders(batch, len(visual) - len(batch.blends.index), last=self.last)
        outside = torch.ones(borders[-1] + 1, dtype=torch.long, device=visual.device)  # one more: where the rest is pointed to
        outside[batch.gather.clamp(min=-1, max=borders[-1])] = 0
        outside = outside[: borders[-1]]
        before = torch.cat((outside.new_zeros(1), outside.cumsum(0))).tolist()
        tiles = visual[: borders[-1]][outside.bool()].to(hidden.dtype)
        tags = tuple((a, b, before[c], before[d]) for a, b, c, d in batch.tags.tolist())
        return Entry(entry.hidden, _with_tags(self.layers, hidden, tiles, tuple(before[border] for border in borders), tags))


def _with_tags(
    layers: nn.ModuleDict, words: Float[Tensor, "T D"], tiles: Float[Tensor, "M D"], borders: Borders, tags: Tags
) -> Looking:
    """Embedded words, tiles and their tags → looking, where the words of each tag stand in front of its tile's tokens."""
    spoken = [tag for tag in tags if tag[3] > tag[2]]
    ends = [*(c for _, _, c, _ in spoken), len(tiles)]
    pieces, numbers = [tiles[: ends[0]]], np.zeros(len(tiles) + 1, np.int64)  # how many words stand before a visual token
    for (a, b, c, _), end in zip(spoken, ends[1:], strict=True):
        pieces += [words[a:b], tiles[c:end]]
        numbers[c:] += b - a
    inserted = [0, *numbers[:-1].tolist()]  # and before the end of one
    moved = tuple((a, b, c + inserted[c], d + inserted[d]) for a, b, c, d in tags)
    return Looking(by_number(layers), torch.cat(pieces), tuple(border + inserted[border] for border in borders), moved)

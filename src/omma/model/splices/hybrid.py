"""Hybrid splice (NVLM-H, arXiv 2409.11402): a picture's thumbnail stands among the words, its tiles are looked at between blocks.

The thumbnail's visual tokens fill slots as in `InContext`; those of the other tiles are keys and values of gated
cross-attention. A picture of one tile is its own thumbnail.
"""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Entry
from omma.model.splices.cross_attention import GatedCross, GatedCrossModule, Looking, by_number, visual_borders
from omma.model.splices.in_context import InContextModule
from omma.schema.batch import Batch
from omma.schema.view import Blend, Layout, Steps, TilePlan


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
        return Entry(entry.hidden, Looking(by_number(self.layers), tiles, tuple(before[border] for border in borders)))

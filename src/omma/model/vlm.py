"""VLM, the wiring of a decoder language model that sees: Batch → Output.

pictures → encoder → connector → reducers ┐
tokens → embedding ───────────────────── splice → language → (hidden states, vocabulary head)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.model.positions.sequential import Sequential
from omma.model.slots import Attend, Connector, Encoder, Grid, Language, Positions, Reducer, Seen, Splice
from omma.model.splices.in_context import InContext
from omma.model.tiles import chosen, regrid, tile_stream
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.block import recompute
from omma.nn.experts import imbalance, routed
from omma.nn.init import init
from omma.schema.batch import Batch, Pictures, Stream
from omma.schema.output import Output
from omma.schema.row import RowPicture
from omma.schema.talk import Text
from omma.schema.view import Layout, Steps, TilePlan, Unit, View

__all__ = ["Vlm", "VlmModule", "init"]


@config
class Vlm(Config):
    """Eight slots. Counts, layouts and positions follow from sizes alone (`schema.talk.Eye`); `build` makes the module."""

    view: View
    encoder: Encoder
    connector: Connector
    reducers: tuple[Reducer, ...] = ()
    splice: Splice = InContext()
    language: Language
    positions: Positions = Sequential()
    text: Text

    @property
    def patch(self) -> int:
        """Patch side in px."""
        return self.encoder.patch

    @property
    def unit(self) -> Unit:
        """What encoder and connector ask of a picture's sides."""
        return Unit(self.encoder.patch, self.connector.merge, self.encoder.temporal, self.encoder.cut)

    def plan(self, width: int, height: int, count: int = 1) -> TilePlan:
        """Size in px of one of the `count` pictures of a sample → tile plan."""
        return self.view.plan_among(width, height, count, self.unit)

    def plan_video(self, width: int, height: int, total: int, fps: float) -> TilePlan:
        """Frame size in px, stored frames, frames a second → tile plan."""
        return self.view.plan_video(width, height, total, fps, self.unit)

    def grid(self, patches: Grid) -> Grid:
        """Patch grid of a tile → grid of its visual tokens, through connector and reducers."""
        grid = self.connector.grid(self.encoder.grid(patches))
        for reducer in self.reducers:
            grid = reducer.grid(grid)
        return grid

    def steps(self, plan: TilePlan) -> tuple[Steps, ...]:
        """Tile plan → (time steps, rows, columns) of visual tokens per tile that the encoder hands on."""
        temporal, grids = self.encoder.temporal, plan.grids(self.patch)
        handed = (grids[number] for number in self.encoder.handed(plan))
        return tuple((-(-frames // temporal), *self.grid((r, c))) for frames, r, c in handed)

    def layout(self, plan: TilePlan) -> Layout:
        """Tile plan → token layout."""
        source = self.view.video if plan.clip.fps else self.view
        return self.splice.in_context(source.layout(plan, self.steps(plan)), plan, self.steps(plan))

    def num_visual(self, plan: TilePlan) -> int:
        """Visual tokens that `see` makes of a planned picture (layout embeddings and dropped tokens not considered)."""
        return sum(math.prod(steps) for steps in self.steps(plan))

    @property
    def layout_tokens(self) -> int:
        """Learned layout embeddings that pictures and videos ask for."""
        return max(self.view.layout_tokens, self.view.video.layout_tokens)

    def position_ids(self, num_tokens: int, pictures: Sequence[RowPicture]) -> np.ndarray:
        """Length of one document and the pictures in it → position ids (T, A)."""
        return self.positions.ids(num_tokens, [block for picture in pictures for block in self._seen(picture)])

    def _seen(self, picture: RowPicture) -> list[Seen]:
        """One for each run of slots without text between them: a picture is one, a video in blocks is several."""
        places = [np.indices(steps).reshape(3, -1).T for steps in self.steps(picture.plan)]
        laid_out = np.concatenate([*places, picture.blend.place, np.full((1, 3), -1)])[np.maximum(picture.gather, -1)]
        breaks = np.flatnonzero(np.diff(picture.slots) > 1) + 1
        seconds = picture.plan.clip.step * self.encoder.temporal
        blocks = zip(np.split(picture.slots, breaks), np.split(laid_out, breaks), strict=True)
        return [Seen(slots, own, seconds) for slots, own in blocks if len(slots)]

    def build(self) -> "VlmModule":
        """The module; `init` or `weights` fill it."""
        return VlmModule(self)


class VlmModule(nn.Module):
    """Children carry the slots' names, so that `connector.*` is a pattern over parameter names."""

    def __init__(self, cfg: Vlm) -> None:
        super().__init__()
        self.cfg = cfg
        self.encoder = cfg.encoder.build()
        self.connector = cfg.connector.build(in_dim=cfg.encoder.out_width, out_dim=cfg.language.width)
        self.reducers = nn.ModuleList(reducer.build(dim=cfg.language.width) for reducer in cfg.reducers)
        self.splice = cfg.splice.build(dim=cfg.language.width, layout_tokens=cfg.layout_tokens)
        self.language = cfg.language.build(vocab_size=cfg.text.vocab_size)
        cfg.splice.check_fit(self.language.num_layers, cfg.connector.vectors)

    def forward(self, batch: Batch) -> Output:
        """Packed batch → states of every token; documents see only themselves."""
        return self.read(batch, PackedAttend(Packed(batch.cu_seqlens, Causal())))

    def read(self, batch: Batch, attend: Attend) -> Output:
        """The same with another way to attend, such as into a cache."""
        visual = batch.blends.behind(self.see(batch.pictures))
        entry = self.splice(self.language.embed(batch.tokens), visual, batch)
        index = torch.arange(len(batch.tokens), device=visual.device)
        modality = torch.zeros_like(index).index_fill(0, batch.slots, 1)
        stream = Stream(entry.hidden, batch.positions, batch.cu_seqlens, modality, index)
        with routed(self.language) as routings:
            final = self.language(stream, attend, entry.between)
        extras = {"imbalance": imbalance(routings, batch.cu_seqlens)} if routings else {}
        return Output(final, self.language.head, visual, entry.between, extras)

    def see(self, pictures: Pictures) -> Float[Tensor, "N D"]:
        """Pictures → visual tokens, tile by tile, row-major."""
        kept = chosen(pictures, self.encoder.handed(pictures))
        grids = regrid(kept.grids, self.cfg.encoder)
        visual = self.connector(replace(self.encoder(pictures), asked=kept.asked, windows=kept.windows), grids)
        shrink: Callable[[Grid], Grid] = self.cfg.connector.grid
        for cfg, reducer in zip(self.cfg.reducers, self.reducers, strict=True):
            grids = _shrunk(grids, shrink)
            visual, shrink = reducer(tile_stream(visual, grids), grids), cfg.grid
        return visual

    def checkpointing(self, on: bool) -> None:
        """Compute the inner states of blocks again in the backward pass instead of keeping them, or keep them."""
        recompute(self, on)


def _shrunk(grids: Int[Tensor, "I 3"], shrink: Callable[[Grid], Grid]) -> Int[Tensor, "I 3"]:
    """Grids of tiles → grids of what a part with this closed form makes of them."""
    rows = [(t, *shrink((r, c))) for t, r, c in grids.tolist()]
    return torch.tensor(rows, dtype=grids.dtype, device=grids.device).reshape(-1, 3)

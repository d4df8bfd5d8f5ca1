"""Gated cross-attention splice (Flamingo, arXiv 2204.14198; NVLM-X, arXiv 2409.11402): words look at visual tokens between blocks.

Before chosen blocks x ← x + tanh(a) · cross_attention(norm(x), visual), x ← x + tanh(b) · mlp(norm(x)), with a = b = 0 at
first. In the token stream a picture is one placeholder word. A document sees its own pictures, one without stays as it is. A text
tag that names visual tokens (`Tag`) sees these alone: NVLM-X's mask, by which <tile_k> sees its own tile (section 4.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Entry, Splice, SpliceModule
from omma.nn.cross_attention import Across, CrossAttention, attend_across
from omma.nn.init import SelfScaled
from omma.nn.mlp import GatedMlp
from omma.nn.norm import RmsNorm
from omma.schema.batch import Batch, Stream
from omma.schema.view import Layout, Steps, TilePlan


@config
class GatedCross(Splice):
    """`layers` are the numbers of the blocks before which it acts; heads and widths are those of what acts there."""

    layers: tuple[int, ...] = (0, 4, 8)
    heads: int = 12
    kv_heads: int = 12
    head_dim: int = 64
    mlp_width: int = 2048
    norm_eps: float = 1e-6

    def tiny(self) -> Self:
        """Before both of two blocks, four heads of 8."""
        kv_heads = 4 if self.kv_heads == self.heads else 2
        return replace(self, layers=(0, 1)[: len(self.layers)], heads=4, kv_heads=kv_heads, head_dim=8, mlp_width=48)

    def in_context(self, layout: Layout, plan: TilePlan, steps: tuple[Steps, ...]) -> Layout:
        """Text tags as they are, and one slot that points at the picture's first visual token."""
        tags = [run for run in layout if isinstance(run, str)]
        return (np.zeros(1, np.int64), *tags)

    def check_fit(self, depth: int, vectors: int) -> None:
        """ConfigError for blocks that the language model does not have."""
        super().check_fit(depth, vectors)
        beyond = [layer for layer in self.layers if not 0 <= layer < depth]
        if beyond:
            got, expected = f"blocks {', '.join(map(str, beyond))}", f"numbers from 0 to {depth - 1}, the language model's blocks"
            raise ConfigError(f"model.splice.{type(self).__name__}.layers", got, expected)

    def build(self, *, dim: int, layout_tokens: int) -> "GatedCrossModule":
        return GatedCrossModule(self, dim)


class GatedLayer(SelfScaled):
    """Words (T, D) + visual tokens (M, D) → words; the identity while both gates are 0."""

    def __init__(self, cfg: GatedCross, dim: int) -> None:
        super().__init__()
        self.norm = RmsNorm(dim, cfg.norm_eps)
        self.attention = CrossAttention(
            dim, dim, heads=cfg.heads, kv_heads=cfg.kv_heads, head_dim=cfg.head_dim, bias=False, output_bias=False
        )
        self.attention_gate = nn.Parameter(torch.empty(1))
        self.mlp_norm = RmsNorm(dim, cfg.norm_eps)
        self.mlp = GatedMlp(dim, cfg.mlp_width, activation="silu", bias=False, depth=1)
        self.mlp_gate = nn.Parameter(torch.empty(1))

    def constants(self) -> dict[str, float]:
        """Closed gates."""
        return {"attention_gate": 0.0, "mlp_gate": 0.0}

    def queries(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T H K"]:
        """What words look with."""
        return self.attention.query(self.norm(hidden)).unflatten(-1, (-1, self.attention.head_dim))

    def keys_values(self, visual: Float[Tensor, "M D"]) -> tuple[Float[Tensor, "M G K"], Float[Tensor, "M G K"]]:
        """What they look at."""
        key, value = self.attention.key(visual), self.attention.value(visual)
        return key.unflatten(-1, (-1, self.attention.head_dim)), value.unflatten(-1, (-1, self.attention.head_dim))

    def add(self, hidden: Float[Tensor, "T D"], looked: Float[Tensor, "T D"], sees: Float[Tensor, "T 1"]) -> Float[Tensor, "T D"]:
        """What was looked at, and the feed-forward branch behind it, join the words that see something."""
        hidden = hidden + sees * self.attention_gate.tanh() * looked
        return hidden + sees * self.mlp_gate.tanh() * self.mlp(self.mlp_norm(hidden))


class GatedCrossModule(SpliceModule):
    """See `GatedCross`. Words are left as they are; all happens between blocks."""

    def __init__(self, cfg: GatedCross, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({str(layer): GatedLayer(cfg, dim) for layer in cfg.layers})

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N D"], batch: Batch) -> Entry:
        borders = visual_borders(batch, len(visual) - len(batch.blends.index), last=False)
        tags = tuple((a, b, c, d) for a, b, c, d in batch.tags.tolist())
        return Entry(hidden, Looking(by_number(self.layers), visual[: borders[-1]].to(hidden.dtype), borders, tags))


Tags = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Looking:
    """Visual tokens (M, D) of all documents, those of document s being [borders[s], borders[s + 1]).

    Tokens [a, b) of the batch see [c, d) of them alone, for each (a, b, c, d) of `tags`.
    """

    layers: Mapping[int, GatedLayer]
    visual: Float[Tensor, "M D"]
    borders: tuple[int, ...]
    tags: Tags = ()

    def __call__(self, layer: int, stream: Stream) -> Stream:
        """Before a chosen block the words of each document look at its pictures."""
        if layer not in self.layers:
            return stream
        part, hidden = self.layers[layer], stream.hidden
        across = Across(tuple(stream.cu_seqlens.tolist()), self.borders)
        q_THK = part.queries(hidden)
        k_MGK, v_MGK = part.keys_values(self.visual)
        looked = attend_across(q_THK, k_MGK, v_MGK, across)
        has = torch.tensor([last > first for first, last in pairwise(self.borders)], device=hidden.device)
        sees = has.repeat_interleave(stream.cu_seqlens.diff().long())
        if self.tags:
            places, keys, own = self._tagged(stream)
            looked = looked.index_copy(0, places, attend_across(q_THK[places], k_MGK[keys], v_MGK[keys], own).to(looked.dtype))
            told = torch.tensor([d > c for _, _, c, d in self.tags], device=hidden.device)
            sees = sees.index_copy(0, places, told.repeat_interleave(torch.tensor(own.queries, device=hidden.device).diff()))
        return replace(stream, hidden=part.add(hidden, part.attention.output(looked.flatten(1)), sees.to(hidden.dtype)[:, None]))

    def _tagged(self, stream: Stream) -> tuple[Int[Tensor, "Q"], Int[Tensor, "N"], Across]:
        """Where the tags' tokens stand in a stream, the visual tokens that they name, and which sees which."""
        device, length = stream.hidden.device, int(stream.origin.max()) + 1
        number = torch.full((max(length, self.tags[-1][1]),), len(self.tags))
        for i, (a, b, _, _) in enumerate(self.tags):
            number[a:b] = i
        own = number.to(device)[stream.origin]
        places = (own < len(self.tags)).nonzero()[:, 0]
        counts = torch.bincount(own[places], minlength=len(self.tags)).tolist()
        keys = torch.cat([torch.arange(c, d) for _, _, c, d in self.tags]).to(device)
        return places, keys, Across(_ends(counts), _ends([d - c for _, _, c, d in self.tags]))

    def later(self) -> "LookingOn":
        """Keys and values of every layer, made once, for the words to come."""
        counts = torch.tensor(self.borders, device=self.visual.device).diff()
        offset = torch.arange(max(int(counts.max()), 1), device=counts.device)
        real = offset < counts[:, None]
        index = torch.tensor(self.borders[:-1], device=counts.device)[:, None] + torch.minimum(
            offset, (counts - 1).clamp(min=0)[:, None]
        )
        rows = self.visual[index.clamp(max=len(self.visual) - 1)] if len(self.visual) else self.visual.new_zeros(*index.shape, 1)
        return LookingOn(self.layers, {n: _rows(part, rows) for n, part in self.layers.items() if len(self.visual)}, real)


@dataclass(frozen=True, slots=True)
class LookingOn:
    """Keys and values (B, G, M, K) per layer and prompt, and which of the M are there."""

    layers: Mapping[int, GatedLayer]
    kept: Mapping[int, tuple[Tensor, Tensor]]
    real: Bool[Tensor, "B M"]

    def __call__(self, layer: int, stream: Stream) -> Stream:
        """One word per row looks at the pictures of its prompt, whose number is its `origin`."""
        if layer not in self.kept:
            return stream
        part, hidden, row = self.layers[layer], stream.hidden, stream.origin
        k_BGMK, v_BGMK = (x[row] for x in self.kept[layer])
        real = self.real[row]
        sees = real.any(dim=1)
        q_BGRK = part.queries(hidden).unflatten(1, (k_BGMK.shape[1], -1))
        allowed = (real | ~sees[:, None])[:, None, None, :]
        looked = scaled_dot_product_attention(q_BGRK, k_BGMK, v_BGMK, attn_mask=allowed).flatten(1)
        return replace(stream, hidden=part.add(hidden, part.attention.output(looked), sees.to(hidden.dtype)[:, None]))

    def later(self) -> "LookingOn":
        """The same."""
        return self


def by_number(layers: nn.ModuleDict) -> dict[int, GatedLayer]:
    """Modules by the text of a block's number → by the number."""
    return {int(number): part for number, part in layers.items() if isinstance(part, GatedLayer)}


def visual_borders(batch: Batch, num_visual: int, *, last: bool) -> tuple[int, ...]:
    """Batch + number of its visual tokens → borders (S + 1) of each document's among them.

    They lie in the order of documents and pictures, so slots that point at each picture's first token (or `last`) say where
    documents begin (or end). Without any such slot no document has visual tokens; what lies before the first is the first's,
    as where one document of a batch is looked at by itself among all pictures.
    """
    borders, slots, gather = (x.cpu().numpy() for x in (batch.cu_seqlens, batch.slots, batch.gather))
    real = (gather >= 0) & (gather < num_visual)
    document = np.searchsorted(borders[1:], slots[real], side="right")
    if not len(document):
        return (0,) * len(borders)
    ends = np.zeros(len(borders) - 1, np.int64)
    if last:
        np.maximum.at(ends, document, gather[real] + 1)
        return (0, *np.maximum.accumulate(ends).tolist())
    starts = np.full(len(borders) - 1, num_visual)
    np.minimum.at(starts, document, gather[real])
    return (0, *np.minimum.accumulate(starts[::-1])[::-1].tolist()[1:], num_visual)


def _ends(lengths: Sequence[int]) -> tuple[int, ...]:
    return tuple(accumulate(lengths, initial=0))


def _rows(part: GatedLayer, visual_BMD: Float[Tensor, "B M D"]) -> tuple[Float[Tensor, "B G M K"], Float[Tensor, "B G M K"]]:
    key, value = part.keys_values(visual_BMD)
    return key.transpose(1, 2), value.transpose(1, 2)

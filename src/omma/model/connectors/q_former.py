"""Q-Former (BLIP-2, arXiv 2301.12597; InstructBLIP, 2305.06500): the patches of a tile → `queries` tokens through a post-norm BERT.

Learned queries, and the words of an instruction where the model reads one, attend to each other; in every `cross_every`-th
layer the queries then attend to the patches; queries and words have feed-forward branches of their own. The queries'
last states go through one matrix. Equal to transformers' `Blip2QFormerModel` and `InstructBlipQFormerModel` with their
`language_projection`, without dropout. The words' branch of the last layer, which nothing reads, is not built.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.feature_maps import frame_borders
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.cross_attention import Across, CrossAttention
from omma.nn.grids import GridRows, on_host
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.nn.mlp import Activation, PlainMlp
from omma.schema.batch import Stream


@config
class QFormer(Connector):
    """`queries` tokens for any tile. `words` is the vocabulary of instructions (InstructBLIP: 30,523), 0 where none are read."""

    queries: int = 32
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    cross_every: int = 2
    activation: Activation = "gelu"
    words: int = 0
    max_words: int = 512
    norm_eps: float = 1e-12

    def check(self) -> None:
        if self.width % self.heads:
            raise ConfigError("QFormer.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")
        if self.queries < 1 or self.cross_every < 1:
            raise ConfigError("QFormer", f"{self.queries} queries, cross_every {self.cross_every}", "at least 1 of each")

    def tiny(self) -> Self:
        """4 queries, width 16, three layers."""
        return replace(self, queries=4, width=16, depth=3, heads=2, mlp_width=24, words=min(self.words, 29), max_words=12)

    def grid(self, patches: Grid) -> Grid:
        """One row of queries."""
        return 1, self.queries

    def build(self, *, in_dim: int, out_dim: int) -> "QFormerModule":
        return QFormerModule(self, in_dim, out_dim)


@dataclass(frozen=True, slots=True)
class Seats:
    """Who sits with whom: queries and words, one behind the other, put by `order` into one document per frame, and `back`.

    There they attend to each other (`among`), and queries alone to the patches of their frame (`across`).
    """

    order: Int[Tensor, "T"]
    back: Int[Tensor, "T"]
    among: Across
    across: Across
    num_queries: int


class QFormerModule(ConnectorModule, SelfScaled):
    """See `QFormer`."""

    def __init__(self, cfg: QFormer, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.queries = nn.Parameter(torch.empty(cfg.queries, cfg.width))
        self.norm = nn.LayerNorm(cfg.width, cfg.norm_eps)
        if cfg.words:
            self.words, self.places = nn.Embedding(cfg.words, cfg.width), nn.Embedding(cfg.max_words, cfg.width)
        self.layers = nn.ModuleList(QFormerLayer(cfg, number, in_dim) for number in range(cfg.depth))
        self.project = nn.Linear(cfg.width, out_dim)

    def stds(self) -> dict[str, float]:
        """Queries start like words."""
        return {"queries": EMBEDDING_STD}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        """Raises ShapeError when the model reads instructions and none came, or not one per tile, or one that is too long."""
        rows = on_host(grids)
        words, lengths = self._words(features, rows)
        seats = self._seats(rows, lengths, features.hidden.device)
        both = self.norm(torch.cat((self.queries.repeat(len(lengths), 1), words)))
        queries, words = both[: seats.num_queries], both[seats.num_queries :]
        for layer in self.layers:
            queries, words = layer(queries, words, features.hidden, seats)
        return self.project(queries)

    def _words(self, features: Stream, rows: GridRows) -> tuple[Float[Tensor, "W D"], list[int]]:
        """Embedded instruction of every frame, one behind the other, and how many words each has."""
        if not self.cfg.words:
            return self.queries[:0], [0 for t, _, _ in rows for _ in range(t)]
        asked = features.asked
        if asked is None or len(asked.cu_seqlens) != len(rows) + 1:
            got = "no instructions" if asked is None else f"instructions for {len(asked.cu_seqlens) - 1} tiles"
            fix = "give Pictures.asked one document of words per tile, or set connector.words=0"
            raise ShapeError("model.connector.QFormer", got, f"{len(rows)}, one per tile", fix)
        per_tile = asked.tokens.split(asked.cu_seqlens.diff().tolist())
        tokens = [words for words, (t, _, _) in zip(per_tile, rows, strict=True) for _ in range(t)]
        lengths = [len(words) for words in tokens]
        if max(lengths, default=0) > self.cfg.max_words:
            raise ShapeError("model.connector.QFormer", f"an instruction of {max(lengths)} words", f"at most {self.cfg.max_words}")
        places = torch.cat([torch.arange(length, device=features.hidden.device) for length in lengths])
        return self.words(torch.cat(tokens)) + self.places(places), lengths

    def _seats(self, rows: GridRows, lengths: list[int], device: torch.device) -> Seats:
        num, frames = self.cfg.queries, len(lengths)
        counts = torch.tensor(lengths, dtype=torch.long)
        borders = torch.cat((torch.zeros(1, dtype=torch.long), (counts + num).cumsum(0)))
        back_queries = borders[:-1, None] + torch.arange(num)
        first = (borders[:-1] + num - (counts.cumsum(0) - counts)).repeat_interleave(counts)
        back = torch.cat((back_queries.flatten(), first + torch.arange(len(first)))).to(device)
        across = Across(tuple(range(0, (frames + 1) * num, num)), frame_borders(rows))
        documents = tuple(borders.tolist())
        return Seats(back.argsort(), back, Across(documents, documents), across, frames * num)


class QFormerLayer(nn.Module):
    """Queries (Q, D), words (W, D), patches (P, E) → queries and words. Layers 0, `cross_every`, … look at the patches."""

    def __init__(self, cfg: QFormer, number: int, in_dim: int) -> None:
        super().__init__()
        self.attention = _attention(cfg, cfg.width)
        self.attention_norm = nn.LayerNorm(cfg.width, cfg.norm_eps)
        self.looks = number % cfg.cross_every == 0
        if self.looks:
            self.cross = _attention(cfg, in_dim)
            self.cross_norm = nn.LayerNorm(cfg.width, cfg.norm_eps)
        self.mlp, self.mlp_norm = _branch(cfg)
        self.reads = cfg.words > 0 and number < cfg.depth - 1
        if self.reads:
            self.words_mlp, self.words_norm = _branch(cfg)

    def forward(
        self, queries: Float[Tensor, "Q D"], words: Float[Tensor, "W D"], patches: Float[Tensor, "P E"], seats: Seats
    ) -> tuple[Float[Tensor, "Q D"], Float[Tensor, "W D"]]:
        both = torch.cat((queries, words))
        seated = both[seats.order]
        both = self.attention_norm(both + self.attention(seated, seated, seated, seats.among)[seats.back])
        queries, words = both[: seats.num_queries], both[seats.num_queries :]
        if self.looks:
            queries = self.cross_norm(queries + self.cross(queries, patches, patches, seats.across))
        queries = self.mlp_norm(queries + self.mlp(queries))
        return queries, self.words_norm(words + self.words_mlp(words)) if self.reads else words


def _attention(cfg: QFormer, key_dim: int) -> CrossAttention:
    head_dim = cfg.width // cfg.heads
    return CrossAttention(cfg.width, key_dim, heads=cfg.heads, kv_heads=cfg.heads, head_dim=head_dim)


def _branch(cfg: QFormer) -> tuple[nn.Module, nn.Module]:
    mlp = PlainMlp(cfg.width, cfg.mlp_width, activation=cfg.activation, bias=True, depth=cfg.depth)
    return mlp, nn.LayerNorm(cfg.width, cfg.norm_eps)

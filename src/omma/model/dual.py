"""Dual, the wiring of two towers that share a space (CLIP, SigLIP): pictures or words → unit vectors.

pictures → encoder → pooled tile by tile → picture_head ┐
words → language → pooled text by text ─── word_head ── similarity → logits of every pair
"""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from omma.core.config import Config, config
from omma.core.errors import ConfigError, ShapeError
from omma.model.positions.sequential import Sequential
from omma.model.similarity import Scaled
from omma.model.slots import Encoder, Language
from omma.model.tiles import regrid
from omma.model.words import WordsModule
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.schema.batch import Pictures, Stream
from omma.schema.talk import Text
from omma.schema.view import TilePlan, Unit, View

__all__ = ["Dual", "DualModule"]


@config
class Dual(Config):
    """A picture is one tile of its `view`; a text is `longest` tokens at most, its end mark included. Vectors have `dim` values.

    `picture_pool` takes the mean of a tile's features or the first of them, the class token of an encoder that hands it on
    (`features="all"`); `word_pool` the mean of a text's states or the last, which has seen all before it. The language model is
    causal, and its head is the embedding itself (`tied`), since it writes nothing.
    """

    view: View
    encoder: Encoder
    language: Language
    text: Text
    dim: int = 512
    picture_pool: Literal["mean", "first"] = "mean"
    word_pool: Literal["mean", "last"] = "last"
    longest: int = 77
    similarity: Scaled = Scaled()

    def check(self) -> None:
        for name, least in (("dim", 1), ("longest", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"Dual.{name}", str(getattr(self, name)), f"at least {least}")

    def tiny(self) -> "Dual":
        """Small towers and 16 values."""
        return replace(super().tiny(), dim=min(self.dim, 16))

    @property
    def patch(self) -> int:
        """Patch side in px."""
        return self.encoder.patch

    def plan(self, width: int, height: int) -> TilePlan:
        """Size in px → tile plan. ConfigError for a view that cuts such a picture into several tiles."""
        plan = self.view.plan(width, height, Unit(self.encoder.patch, 1, self.encoder.temporal, self.encoder.cut))
        if len(plan.tiles) != 1:
            got = f"{type(self.view).__name__}, {len(plan.tiles)} tiles for {width}×{height} px"
            raise ConfigError("model.view", got, "one tile a picture, which has one vector", "take Fixed, Pad or Native")
        return plan

    def build(self) -> "DualModule":
        """The module; `init` or stored weights fill it."""
        return DualModule(self)


class DualModule(nn.Module):
    """Children carry the slots' names, so that `language.*` is a pattern over parameter names."""

    def __init__(self, cfg: Dual) -> None:
        super().__init__()
        self.cfg = cfg
        self.encoder = cfg.encoder.build()
        language = cfg.language.build(vocab_size=cfg.text.vocab_size)
        if not isinstance(language, WordsModule) or not language.tied:
            got, expected = "a head of its own for writing", "one whose head is its embedding"
            raise ConfigError("model.language", got, expected, "set language.tied=true: nothing would train that head")
        self.language = language
        self.picture_head = nn.Linear(cfg.encoder.out_width, cfg.dim, bias=False)
        self.word_head = nn.Linear(cfg.language.width, cfg.dim, bias=False)
        self.similarity = cfg.similarity.build()

    def see(self, pictures: Pictures) -> Float[Tensor, "N D"]:
        """Pictures, one tile each → unit vectors."""
        features = self.encoder(pictures)
        counts = regrid(pictures.grids, self.cfg.encoder).prod(dim=1)
        return normalize(self.picture_head(_pooled(features.hidden, counts, self.cfg.picture_pool)), dim=-1)

    def read(self, tokens: Int[Tensor, "T"], cu_seqlens: Int[Tensor, "S1"]) -> Float[Tensor, "S D"]:
        """Texts as one packed stream of token ids with their borders → unit vectors. ShapeError for a text without a token."""
        counts = cu_seqlens.diff().long()
        if not len(counts) or int(counts.min()) < 1:
            raise ShapeError("model.language", "a text without a token", "texts that end with a mark")
        index = torch.arange(len(tokens), device=tokens.device)
        ids = Sequential().ids(int(counts.max()), ())
        places = torch.from_numpy(ids).to(tokens.device)[index - cu_seqlens[:-1].long().repeat_interleave(counts)]
        stream = Stream(self.language.embed(tokens), places, cu_seqlens, torch.zeros_like(index), index)
        read = self.language(stream, PackedAttend(Packed(cu_seqlens, Causal())))
        return normalize(self.word_head(_pooled(read.hidden, counts, self.cfg.word_pool)), dim=-1)

    def forward(self, pictures: Pictures, tokens: Int[Tensor, "T"], cu_seqlens: Int[Tensor, "S1"]) -> Float[Tensor, "N S"]:
        """Pictures and texts → the logit of every pair."""
        logits: Tensor = self.similarity(self.see(pictures) @ self.read(tokens, cu_seqlens).T)
        return logits


def _pooled(hidden: Float[Tensor, "T D"], counts: Int[Tensor, "S"], pool: Literal["mean", "first", "last"]) -> Float[Tensor, "S D"]:
    """Packed states and the length of each document → one state each."""
    ends = counts.cumsum(0)
    if pool != "mean":
        return hidden[ends - 1 if pool == "last" else ends - counts]
    document = torch.arange(len(counts), device=hidden.device).repeat_interleave(counts)
    sums = hidden.new_zeros(len(counts), hidden.shape[1]).index_add(0, document, hidden)
    return sums / counts[:, None].to(hidden.dtype)

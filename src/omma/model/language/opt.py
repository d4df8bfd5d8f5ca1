"""OPT decoder (arXiv 2205.01068): embedded Stream → final normed Stream. Learned positions, LayerNorm, ReLU, biases everywhere.

Equal to transformers' `OPTForCausalLM` without dropout, for sizes that norm before each branch and embed at full width: all but
OPT-350M. Position p of a document is row p + 2 of the table, as in the released files.
"""

from dataclasses import replace

import torch
from torch import nn

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.slots import Attend, Language
from omma.model.words import WordsModule
from omma.nn.block import build_stack
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.nn.rotary import Still
from omma.schema.batch import Stream
from omma.schema.output import Between

OFFSET = 2  # rows of the position table in front of the first position
EPS = 1e-5  # of every LayerNorm


@config
class Opt(Language):
    """`longest` is the number of positions that the table holds. `tied` lets the vocabulary head be the embedding itself."""

    width: int = 2560
    depth: int = 32
    heads: int = 32
    mlp_width: int = 10_240
    longest: int = 2048
    tied: bool = True

    def check(self) -> None:
        if self.width % self.heads:
            raise ConfigError("Opt.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")

    def tiny(self) -> "Opt":
        """Width 32, two blocks; the table keeps its length."""
        return replace(self, width=32, depth=2, heads=4, mlp_width=64)

    def build(self, *, vocab_size: int) -> "OptModule":
        return OptModule(self, vocab_size)


class OptModule(WordsModule, SelfScaled):
    """See `Opt`."""

    def __init__(self, cfg: Opt, vocab_size: int) -> None:
        blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=cfg.width // cfg.heads, qkv_bias=True,
            output_bias=True, qk_norm="none", norm="layer", norm_eps=EPS, mlp="plain", mlp_width=cfg.mlp_width, activation="relu",
            mlp_bias=True,
        )  # fmt: skip
        super().__init__(blocks, nn.LayerNorm(cfg.width, EPS), width=cfg.width, vocab_size=vocab_size, tied=cfg.tied)
        self.cfg, self.places = cfg, nn.Parameter(torch.empty(cfg.longest + OFFSET, cfg.width))

    def stds(self) -> dict[str, float]:
        """Positions start like words."""
        return {"places": EMBEDDING_STD}

    def forward(self, stream: Stream, attend: Attend, between: Between | None = None) -> Stream:
        """Embedded stream → final normed stream. ShapeError for a position that the table does not hold."""
        places = stream.positions[:, 0].long()
        if len(places) and int(places.max()) >= self.cfg.longest:
            fix = "shorten the documents, or set language.longest before training starts"
            raise ShapeError("model.language.Opt", f"position {int(places.max())}", f"below {self.cfg.longest}", fix)
        hidden = stream.hidden + self.places[places + OFFSET].to(stream.hidden.dtype)
        return self.through(replace(stream, hidden=hidden), Still(), attend, between)

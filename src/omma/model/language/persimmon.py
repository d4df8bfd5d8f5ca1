"""Persimmon decoder (adept/persimmon-8b-base, Fuyu's language model): embedded Stream → final normed Stream.

LayerNorm with biases, also on each head's queries and keys; half of a head's channels turn; a plain feed-forward branch with
squared ReLU. Equal to transformers' `PersimmonForCausalLM`.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.slots import Attend, Language
from omma.model.words import WordsModule
from omma.nn.block import build_stack
from omma.nn.mlp import Activation
from omma.nn.rotary import Rotation, Scaling, rotary
from omma.schema.batch import Stream
from omma.schema.output import Between


@config
class Persimmon(Language):
    """The first `turned` channels of each head turn by positions of base `theta`, the rest never does."""

    width: int = 4096
    depth: int = 36
    heads: int = 64
    mlp_width: int = 16_384
    activation: Activation = "relu2"
    turned: int = 32
    theta: float = 25_000.0
    scaling: Scaling = Scaling()
    qk_norm: bool = True
    norm_eps: float = 1e-5
    longest: int = 16_384
    tied: bool = False

    def check(self) -> None:
        if self.width % self.heads:
            raise ConfigError("Persimmon.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")
        if self.turned % 2 or not 2 <= self.turned <= self.head_dim:
            raise ConfigError("Persimmon.turned", str(self.turned), f"an even number from 2 to {self.head_dim}, a head's width")

    @property
    def head_dim(self) -> int:
        """Channels of a head."""
        return self.width // self.heads

    def tiny(self) -> "Persimmon":
        """Width 32, two blocks, four heads of which half turn."""
        return replace(self, width=32, depth=2, heads=4, mlp_width=64, turned=4)

    def build(self, *, vocab_size: int) -> "PersimmonModule":
        return PersimmonModule(self, vocab_size)


@dataclass(frozen=True, slots=True)
class PartRotation(Rotation):
    """The rotation of the first channels of a head, twice as many as there are angles; the others pass."""

    def __call__(self, x_THK: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
        """Queries or keys → the same, in part rotated."""
        turned = 2 * self.cos.shape[-1]
        return torch.cat((Rotation.__call__(self, x_THK[..., :turned]), x_THK[..., turned:]), dim=-1)


class PersimmonModule(WordsModule):
    """See `Persimmon`."""

    def __init__(self, cfg: Persimmon, vocab_size: int) -> None:
        blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=cfg.head_dim, qkv_bias=True, output_bias=True,
            qk_norm="layer" if cfg.qk_norm else "none", norm="layer", norm_eps=cfg.norm_eps, mlp="plain", mlp_width=cfg.mlp_width,
            activation=cfg.activation, mlp_bias=True,
        )  # fmt: skip
        super().__init__(blocks, nn.LayerNorm(cfg.width, cfg.norm_eps), width=cfg.width, vocab_size=vocab_size, tied=cfg.tied)
        self.cfg = cfg

    def forward(self, stream: Stream, attend: Attend, between: Between | None = None) -> Stream:
        """Embedded stream → final normed stream. ShapeError for positions of several axes."""
        cfg, positions = self.cfg, stream.positions
        if positions.shape[1:] != (1,):
            raise ShapeError("model.language", f"positions of shape {tuple(positions.shape)}", f"({len(positions)}, 1)")
        whole = rotary(positions[:, 0], cfg.turned, cfg.theta, cfg.scaling, stream.cu_seqlens)
        return self.through(stream, PartRotation(whole.cos, whole.sin), attend, between)

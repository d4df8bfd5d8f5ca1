"""Decoder language model: embedded Stream → final normed Stream. Covers the Llama, Qwen2 and Qwen3 shapes.

Pre-norm blocks (RMSNorm, rotary positions, grouped queries, SwiGLU). Llama: no biases. Qwen2: biases on query, key and
value. Qwen3: RMSNorm on each head's queries and keys instead.
"""

from dataclasses import replace

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.slots import Attend, Language, LanguageModule
from omma.nn.block import BetweenBlocks, QkNorm, build_stack
from omma.nn.norm import RmsNorm
from omma.nn.rotary import Scaling, rotary
from omma.schema.batch import Stream
from omma.schema.output import Between


@config
class Decoder(Language):
    """`kv_heads` key-value heads serve `heads` query heads of `head_dim` channels each; `theta` is the rotary base.

    `tied` lets the vocabulary head be the embedding matrix itself.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    kv_heads: int = 12
    head_dim: int = 64
    mlp_width: int = 2048
    theta: float = 10_000.0
    scaling: Scaling = Scaling()
    qkv_bias: bool = False
    qk_norm: QkNorm = "none"
    norm_eps: float = 1e-6
    tied: bool = False

    def check(self) -> None:
        if self.heads % self.kv_heads:
            raise ConfigError("Decoder.kv_heads", f"{self.kv_heads} for {self.heads} query heads", "a divisor of the query heads")
        if self.head_dim % 2:
            raise ConfigError("Decoder.head_dim", str(self.head_dim), "an even number: rotary positions turn pairs of channels")

    def tiny(self) -> "Decoder":
        """Width 32, two blocks, and grouped queries where there were any."""
        kv_heads = {self.heads: 4, 1: 1}.get(self.kv_heads, 2)
        return replace(self, width=32, depth=2, heads=4, kv_heads=kv_heads, head_dim=8, mlp_width=64)

    def build(self, *, vocab_size: int) -> "DecoderModule":
        return DecoderModule(self, vocab_size)


class DecoderModule(LanguageModule):
    """See `Decoder`. Blocks attend through what the caller hands in, so packed training and cached decoding share them."""

    def __init__(self, cfg: Decoder, vocab_size: int) -> None:
        super().__init__()
        self.cfg, self.num_layers = cfg, cfg.depth
        self.embedding = nn.Embedding(vocab_size, cfg.width)
        self.blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.kv_heads, head_dim=cfg.head_dim, qkv_bias=cfg.qkv_bias,
            output_bias=False, qk_norm=cfg.qk_norm, norm="rms", norm_eps=cfg.norm_eps, mlp="gated", mlp_width=cfg.mlp_width,
            activation="silu", mlp_bias=False,
        )  # fmt: skip
        self.norm = RmsNorm(cfg.width, cfg.norm_eps)
        if not cfg.tied:
            self.unembedding = nn.Linear(cfg.width, vocab_size, bias=False)

    @property
    def head(self) -> Float[Tensor, "V D"]:
        """The vocabulary matrix; when tied, the embedding itself."""
        return self.embedding.weight if self.cfg.tied else self.unembedding.weight

    def embed(self, tokens: Int[Tensor, "T"]) -> Float[Tensor, "T D"]:
        """Token ids → embeddings."""
        return self.embedding(tokens)

    def forward(self, stream: Stream, attend: Attend, between: Between | None = None) -> Stream:
        """Embedded stream → final normed stream. ShapeError unless positions have one axis."""
        if stream.positions.shape[1:] != (1,):
            got = f"positions of shape {tuple(stream.positions.shape)}"
            raise ShapeError(
                "model.language", got, f"({len(stream.hidden)}, 1)", "Decoder needs positions with one axis: Sequential"
            )
        turn = rotary(stream.positions[:, 0], self.cfg.head_dim, self.cfg.theta, self.cfg.scaling)
        hidden = self.blocks(stream.hidden, turn, attend, None if between is None else _on_hidden(between, stream))
        return replace(stream, hidden=self.norm(hidden))


def _on_hidden(between: Between, stream: Stream) -> BetweenBlocks:
    """A stream's between as the blocks know it, which carry its states alone."""
    return lambda layer, hidden: between(layer, replace(stream, hidden=hidden)).hidden

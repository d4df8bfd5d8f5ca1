"""Decoder language model: embedded Stream → final normed Stream. Covers the Llama, Qwen, Mistral, InternLM2 and DeepSeek shapes.

Pre-norm blocks (RMSNorm, rotary positions, grouped queries, SwiGLU). Llama, Mistral, InternLM2: no biases. Qwen2: biases on
query, key and value. Qwen3: RMSNorm on each head's queries and keys instead. Mistral and some Qwen2: a window. Qwen-VL:
positions with three axes. Qwen3-MoE: sparse experts. DeepSeek-V2 and V3: those with shared experts, and latent attention.
"""

from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.slots import Attend, Language
from omma.model.words import WordsModule
from omma.nn.block import QkNorm, SelfAttention, build_stack
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent, LatentAttention
from omma.nn.mlp import build_mlp
from omma.nn.norm import RmsNorm
from omma.nn.rotary import Rotation, Scaling, rotary, rotary_sections
from omma.schema.batch import Stream
from omma.schema.output import Between


@config
class Decoder(Language):
    """`kv_heads` key-value heads serve `heads` query heads of `head_dim` channels each; `theta` is the rotary base.

    `sections` share out the head_dim / 2 frequencies over the axes of positions (time, row, column), one behind the other
    or `interleaved`; without them positions have one axis. A `window` above 0 is how many tokens a token sees, itself
    included, in all but `full_layers`. With `latent`, heads are made of latents and `head_dim` is the part that turns.
    `longest` is the length that the model was trained for, told to others at an export (0: unknown). `tied` lets the
    vocabulary head be the embedding matrix itself.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    kv_heads: int = 12
    head_dim: int = 64
    mlp_width: int = 2048
    theta: float = 10_000.0
    scaling: Scaling = Scaling()
    sections: tuple[int, ...] = ()
    interleaved: bool = False
    window: int = 0
    full_layers: tuple[int, ...] = ()
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: QkNorm = "none"
    norm_eps: float = 1e-6
    latent: Latent | None = None
    experts: Experts | None = None
    longest: int = 0
    tied: bool = False

    def check(self) -> None:
        if self.heads % self.kv_heads:
            raise ConfigError("Decoder.kv_heads", f"{self.kv_heads} for {self.heads} query heads", "a divisor of the query heads")
        if self.head_dim % 2:
            raise ConfigError("Decoder.head_dim", str(self.head_dim), "an even number: rotary positions turn pairs of channels")
        if self.sections and sum(self.sections) != self.head_dim // 2:
            got, want = f"{self.sections}, {sum(self.sections)} frequencies", f"{self.head_dim // 2}, half of head_dim"
            raise ConfigError("Decoder.sections", got, want)
        if self.latent and (self.qkv_bias or self.output_bias or self.window or self.qk_norm != "none"):
            raise ConfigError("Decoder.latent", "biases, a window or norms of heads beside it", "none of them")
        if self.latent and self.kv_heads != self.heads:
            raise ConfigError("Decoder.kv_heads", f"{self.kv_heads} of latents", f"{self.heads}: every head has keys of its own")

    def tiny(self) -> "Decoder":
        """Width 32, two blocks, a short window, and grouped queries where there were any."""
        kv_heads = {self.heads: 4, 1: 1}.get(self.kv_heads, 2)
        return replace(
            self, width=32, depth=2, heads=4, kv_heads=kv_heads, head_dim=8, mlp_width=64,
            sections=(2, 1, 1) if self.sections else (), window=min(self.window, 16), full_layers=(0,) if self.full_layers else (),
            latent=self.latent and self.latent.tiny(), experts=self.experts and self.experts.tiny(),
        )  # fmt: skip

    def build(self, *, vocab_size: int) -> "DecoderModule":
        return DecoderModule(self, vocab_size)


class DecoderModule(WordsModule):
    """See `Decoder`. Blocks attend through what the caller hands in, so packed training and cached decoding share them."""

    def __init__(self, cfg: Decoder, vocab_size: int) -> None:
        blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.kv_heads, head_dim=cfg.head_dim, qkv_bias=cfg.qkv_bias,
            output_bias=cfg.output_bias, qk_norm=cfg.qk_norm, norm="rms", norm_eps=cfg.norm_eps, mlp="gated",
            mlp_width=cfg.mlp_width, activation="silu", mlp_bias=cfg.mlp_bias, make_attention=_attention(cfg), make_mlp=_mlp(cfg),
        )  # fmt: skip
        super().__init__(blocks, RmsNorm(cfg.width, cfg.norm_eps), width=cfg.width, vocab_size=vocab_size, tied=cfg.tied)
        self.cfg = cfg

    def forward(self, stream: Stream, attend: Attend, between: Between | None = None) -> Stream:
        """Embedded stream → final normed stream. ShapeError unless positions have the axes that the decoder turns by."""
        return self.through(stream, self._turn(stream.positions, stream.cu_seqlens), attend, between)

    def _turn(self, positions: Tensor, cu_seqlens: Int[Tensor, "S1"]) -> Rotation:
        cfg, axes = self.cfg, len(self.cfg.sections) or 1
        if positions.shape[1:] not in ((1,), (axes,)):
            fix = "the model's positions slot and its language slot were made for different axes"
            raise ShapeError("model.language", f"positions of shape {tuple(positions.shape)}", f"({len(positions)}, {axes})", fix)
        if cfg.sections and positions.shape[1] == axes:
            return rotary_sections(
                positions, cfg.head_dim, cfg.theta, cfg.scaling, cu_seqlens, cfg.sections, interleaved=cfg.interleaved
            )
        return rotary(positions[:, 0], cfg.head_dim, cfg.theta, cfg.scaling, cu_seqlens)  # all axes alike where there is one


def _attention(cfg: Decoder) -> Callable[[int], nn.Module] | None:
    """What makes a layer's attention, where it is not the plain one."""
    latent = cfg.latent
    if latent is not None:
        sharpness = cfg.scaling.sharpness
        return lambda layer: LatentAttention(
            latent, cfg.width, heads=cfg.heads, turn_dim=cfg.head_dim, sharpness=sharpness, depth=cfg.depth
        )
    if not cfg.window:
        return None
    return lambda layer: SelfAttention(
        cfg.width, heads=cfg.heads, kv_heads=cfg.kv_heads, head_dim=cfg.head_dim, qkv_bias=cfg.qkv_bias,
        output_bias=cfg.output_bias, qk_norm=cfg.qk_norm, norm_eps=cfg.norm_eps, depth=cfg.depth,
        window=0 if layer in cfg.full_layers else cfg.window,
    )  # fmt: skip


def _mlp(cfg: Decoder) -> Callable[[int], nn.Module] | None:
    """What makes a layer's feed-forward branch, where some are experts."""
    experts = cfg.experts
    if experts is None:
        return None
    return lambda layer: (
        build_mlp("gated", cfg.width, cfg.mlp_width, activation="silu", bias=cfg.mlp_bias, depth=cfg.depth)
        if layer in experts.dense_layers
        else experts.build(cfg.width, depth=cfg.depth)
    )

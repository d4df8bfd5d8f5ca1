"""Native-resolution ViT (Qwen2-VL, arXiv 2409.12191): Pictures of any size → Stream of patch features.

Positions are rotary, by row and by column, so there is no table and no preferred size. Without windows.
"""

from dataclasses import replace

from torch import nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule
from omma.model.tiles import check_pictures, tile_stream
from omma.nn.attention import Full, Packed, PackedAttend
from omma.nn.block import build_stack
from omma.nn.mlp import Activation, MlpKind
from omma.nn.norm import NormKind, build_norm
from omma.nn.patches import PatchEmbedding
from omma.nn.rotary import rotary_2d
from omma.schema.batch import Pictures, Stream


@config
class NativeViT(Encoder):
    """Qwen2-VL: `layer` norms and a `plain` MLP with `quick_gelu`. Qwen2.5-VL: `rms` norms and a `gated` MLP with `silu`.

    `final_norm` is off where the connector norms each patch (`Merger`).
    """

    patch: int = 14
    width: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_width: int = 5120
    mlp: MlpKind = "plain"
    activation: Activation = "quick_gelu"
    norm: NormKind = "layer"
    norm_eps: float = 1e-6
    patch_bias: bool = False
    final_norm: bool = False
    theta: float = 10_000.0

    def check(self) -> None:
        if self.width % (4 * self.heads):
            fix = "a head needs pairs of channels for rows and for columns"
            raise ConfigError("NativeViT.heads", f"{self.heads} heads over width {self.width}", "head width a multiple of 4", fix)

    def tiny(self) -> "NativeViT":
        """Patch 8, width 32, two blocks."""
        return replace(self, patch=8, width=32, depth=2, heads=4, mlp_width=64)

    def build(self) -> "NativeViTModule":
        return NativeViTModule(self)


class NativeViTModule(EncoderModule):
    """Each tile is a document; its patches see each other and nobody else."""

    def __init__(self, cfg: NativeViT) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = PatchEmbedding(cfg.patch, cfg.width, mean=cfg.mean, std=cfg.std, bias=cfg.patch_bias)
        self.blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=cfg.width // cfg.heads, qkv_bias=True,
            output_bias=True, qk_norm="none", norm=cfg.norm, norm_eps=cfg.norm_eps, mlp=cfg.mlp, mlp_width=cfg.mlp_width,
            activation=cfg.activation, mlp_bias=True,
        )  # fmt: skip
        self.final_norm = build_norm(cfg.norm, cfg.width, cfg.norm_eps) if cfg.final_norm else nn.Identity()

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        stream = tile_stream(self.embed(pictures.patches), pictures.grids)
        turn = rotary_2d(stream.positions, self.cfg.width // self.cfg.heads, self.cfg.theta)
        hidden = self.blocks(stream.hidden, turn, PackedAttend(Packed(stream.cu_seqlens, Full())))
        return replace(stream, hidden=self.final_norm(hidden))

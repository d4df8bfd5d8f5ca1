"""Native-resolution ViT (Qwen2-VL, arXiv 2409.12191): Pictures of any size → Stream of patch features, rotary by row and column.

Covers the towers of Qwen2-VL, Qwen2.5-VL (arXiv 2502.13923: windows) and Qwen3-VL (arXiv 2511.21631: a learned table as well,
and inner layers that are tapped).
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule
from omma.model.tiles import check_pictures, regrid, tile_stream
from omma.nn.attention import Full, Packed, PackedAttend
from omma.nn.block import QkNorm, build_stack
from omma.nn.grids import GridRows, on_host, paired_frames, single_frames, tile_borders, window_order
from omma.nn.init import SelfScaled
from omma.nn.mlp import Activation, MlpKind
from omma.nn.norm import NormKind, build_norm
from omma.nn.patches import PatchEmbedding
from omma.nn.position_table import read_table
from omma.nn.rotary import Rotation, rotary_2d
from omma.nn.taps import tapped
from omma.schema.batch import Pictures, Stream


@config
class NativeViT(Encoder):
    """Qwen2-VL: `layer` norms and a `plain` MLP with `quick_gelu`. Qwen2.5-VL: `rms` norms, a `gated` MLP with `silu`, and
    windows. Qwen3-VL: `layer` norms, a `plain` MLP with `gelu_tanh`, a table, a bias of patches, and taps.

    `temporal` frames of a video are embedded as one time step, for which a still stands alone. Time steps never see each
    other. With `window` > 0 patches see those of their window of `window` × `window` patches, except in the blocks numbered
    in `full_layers` (from 0), where they see their whole frame. `table_side` > 0 adds a learned table of so many rows and
    columns, resized bilinearly to each grid, corner to corner. `tap_layers` are hidden states to put into the stream's
    `taps` (1: behind the first block). `final_norm` is off where the connector norms each patch (`Merger`).
    """

    patch: int = 14
    temporal: int = 1
    width: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_width: int = 5120
    mlp: MlpKind = "plain"
    activation: Activation = "quick_gelu"
    norm: NormKind = "layer"
    norm_eps: float = 1e-6
    qk_norm: QkNorm = "none"
    patch_bias: bool = False
    table_side: int = 0
    window: int = 0
    full_layers: tuple[int, ...] = ()
    tap_layers: tuple[int, ...] = ()
    final_norm: bool = False
    theta: float = 10_000.0
    position_std: float = 0.02

    def check(self) -> None:
        if self.width % (4 * self.heads):
            fix = "a head needs pairs of channels for rows and for columns"
            raise ConfigError("NativeViT.heads", f"{self.heads} heads over width {self.width}", "head width a multiple of 4", fix)
        if self.temporal < 1:
            raise ConfigError("NativeViT.temporal", str(self.temporal), "at least 1 frame per time step")
        if any(not 1 <= layer <= self.depth for layer in self.tap_layers):
            raise ConfigError("NativeViT.tap_layers", str(self.tap_layers), f"numbers of hidden states from 1 to {self.depth}")
        if any(not 0 <= layer < self.depth for layer in self.full_layers):
            raise ConfigError("NativeViT.full_layers", str(self.full_layers), f"numbers of blocks from 0 to {self.depth - 1}")
        if self.full_layers and not self.window:
            raise ConfigError("NativeViT.full_layers", str(self.full_layers), "()", "set window, or see whole frames everywhere")

    def tiny(self) -> "NativeViT":
        """Patch 8, width 32, at most two taps and a block more than those, windows of two patches, a table of four rows."""
        taps = tuple(range(1, min(len(self.tap_layers), 2) + 1))
        return replace(
            self, patch=8, width=32, depth=max(2, len(taps) + 1), heads=4, mlp_width=64, table_side=min(self.table_side, 4),
            window=min(self.window, 2), full_layers=(1,) if self.full_layers else (), tap_layers=taps,
        )  # fmt: skip

    def build(self) -> "NativeViTModule":
        return NativeViTModule(self)


class WindowAttend:
    """Blocks attend to windows, those of `full_layers` to whole frames. Implements `model.slots.Attend`."""

    def __init__(self, windows: PackedAttend, frames: PackedAttend, full_layers: tuple[int, ...]) -> None:
        self.windows, self.frames, self.full_layers = windows, frames, full_layers

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
        """(T, H, K), (T, G, K), (T, G, V) → (T, H, V)."""
        attend = self.frames if layer in self.full_layers else self.windows
        return attend(layer, q_THK, k_TGK, v_TGV)


class NativeViTModule(EncoderModule, SelfScaled):
    """Each time step of a tile is a document to the blocks; its patches see each other and nobody else."""

    def __init__(self, cfg: NativeViT) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = PatchEmbedding(
            cfg.patch, cfg.width, mean=cfg.mean, std=cfg.std, bias=cfg.patch_bias, frames=cfg.temporal
        )  # fmt: skip
        if cfg.table_side:
            self.positions = nn.Parameter(torch.empty(cfg.table_side**2, cfg.width))
        self.blocks = build_stack(
            cfg.depth, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=cfg.width // cfg.heads, qkv_bias=True,
            output_bias=True, qk_norm=cfg.qk_norm, norm=cfg.norm, norm_eps=cfg.norm_eps, mlp=cfg.mlp, mlp_width=cfg.mlp_width,
            activation=cfg.activation, mlp_bias=True,
        )  # fmt: skip
        self.final_norm = build_norm(cfg.norm, cfg.width, cfg.norm_eps) if cfg.final_norm else nn.Identity()

    def stds(self) -> dict[str, float]:
        """The position table."""
        return {"positions": self.cfg.position_std}

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        cfg = self.cfg
        given = on_host(pictures.grids)
        rows = paired_frames(given, cfg.temporal)
        embedded = self.embed(pictures.patches, given)
        if cfg.table_side:
            embedded = embedded + read_table(self.positions, cfg.table_side, rows, "bilinear_corners").to(embedded.dtype)
        stream = tile_stream(embedded, regrid(pictures.grids, cfg))
        turn = rotary_2d(stream.positions, cfg.width // cfg.heads, cfg.theta)
        *taps, hidden = self._run(stream.hidden, turn, rows)
        return replace(stream, hidden=self.final_norm(hidden), taps=tuple(taps))

    def _run(self, hidden: Float[Tensor, "P D"], turn: Rotation, rows: GridRows) -> tuple[Float[Tensor, "P D"], ...]:
        """Embedded patches, their rotation, grids in time steps → tapped states and the last one, in the patches' order."""
        cfg, layers = self.cfg, (*self.cfg.tap_layers, self.cfg.depth)
        frames = PackedAttend(Packed(tile_borders(single_frames(rows), hidden.device), Full()))
        if not cfg.window:
            return tapped(self.blocks, hidden, turn, frames, layers)
        order, borders = window_order(rows, cfg.window, hidden.device)
        attend = WindowAttend(PackedAttend(Packed(borders, Full())), frames, cfg.full_layers)
        turned = Rotation(turn.cos[order], turn.sin[order])
        return tuple(state[order.argsort()] for state in tapped(self.blocks, hidden[order], turned, attend, layers))

"""ViT (arXiv 2010.11929): Pictures → Stream of patch features. Covers CLIP, SigLIP, SigLIP 2, DINOv2, InternViT, AIMv2, MLCD."""

from dataclasses import replace
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule, Grid
from omma.model.tiles import check_pictures, regrid, tile_stream
from omma.nn.attention import Full, Packed, PackedAttend
from omma.nn.block import QkNorm, Turn, build_stack
from omma.nn.grids import GridRows, on_host, patch_places, single_frames
from omma.nn.init import SelfScaled
from omma.nn.mlp import Activation, MlpKind
from omma.nn.norm import NormKind, build_norm
from omma.nn.patches import PatchEmbedding
from omma.nn.position_table import Resize, read_table, sincos_2d
from omma.nn.rotary import Rotation, Still, rotary_2d
from omma.nn.taps import tapped
from omma.schema.batch import Pictures, Stream

THETA = 10_000.0  # of rotary positions


@config
class ViT(Encoder):
    """`image_size` px is what the position table was made for (a rest behind the last whole patch is left out). `positions`
    is how other tiles read that table, or `sincos` (AIMv2) or `rotary` (MLCD, RICE), which have none.

    Hidden state 0 enters the first block, k leaves block k, −1 the last. `feature_layer` is the one to hand on, or several,
    which are put side by side; `tap_layers` go into the stream's `taps`. Blocks behind them all are never built. `features`
    says whether class token and registers are handed on too, in front of the patches of each frame; they always take part.

    `patch_norm` is AIMv2's norm before positions, `input_norm` CLIP's behind them, `final_norm` the one behind the last
    block, which CLIP's patch features do without. `layer_scale` > 0 is where the blocks' channel scales start.
    """

    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    image_size: int = 224
    positions: Resize | Literal["sincos", "rotary"] = "bicubic"
    mlp: MlpKind = "plain"
    activation: Activation = "gelu_tanh"
    class_token: bool = False
    registers: int = 0
    patch_bias: bool = True
    qkv_bias: bool = True
    output_bias: bool = True
    mlp_bias: bool = True
    patch_norm: bool = False
    input_norm: bool = False
    final_norm: bool = True
    norm: NormKind = "layer"
    norm_eps: float = 1e-6
    qk_norm: QkNorm = "none"
    layer_scale: float = 0.0
    feature_layer: int | tuple[int, ...] = -1
    tap_layers: tuple[int, ...] = ()
    features: Literal["patches", "all"] = "patches"
    position_std: float = 0.02

    @property
    def side(self) -> int:
        """Rows and columns of the position table."""
        return self.image_size // self.patch

    @property
    def cut(self) -> int:
        """Tiles of the table's size lose what no whole patch covers, as a convolution with stride leaves it out."""
        return self.image_size if self.image_size % self.patch else 0

    @property
    def has_table(self) -> bool:
        """Whether positions are learned."""
        return self.positions not in ("sincos", "rotary")

    @property
    def extra(self) -> int:
        """Tokens of a frame that are no patches: class token and registers."""
        return self.class_token + self.registers

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the hidden states to hand on, counted from 1."""
        return tuple(self._number(layer) for layer in self._chosen)

    @property
    def taps(self) -> tuple[int, ...]:
        """Numbers of the hidden states to tap, counted from 1."""
        return tuple(self._number(layer) for layer in self.tap_layers)

    @property
    def num_blocks(self) -> int:
        """Blocks that are built: those up to the last state that is handed on or tapped."""
        return max(self.layers + self.taps)

    @property
    def out_width(self) -> int:
        """Width times the number of states put side by side."""
        return self.width * len(self.layers)

    def grid(self, patches: Grid) -> Grid:
        """The grid of the patches, or one row of all tokens of a frame."""
        if self.features == "patches" or not self.extra:
            return patches
        return 1, self.extra + patches[0] * patches[1]

    def check(self) -> None:
        if self.width % self.heads:
            raise ConfigError("ViT.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")
        if self.image_size < self.patch:
            raise ConfigError("ViT.image_size", f"{self.image_size} px", f"at least one patch of {self.patch} px")
        if not self.has_table and self.width // self.heads % 4:
            raise ConfigError("ViT.positions", f"{self.positions!r} with heads of {self.width // self.heads}", "a multiple of 4")
        if not self.layers:
            raise ConfigError("ViT.feature_layer", "no layer", "at least one")
        for name, numbers, said in (("feature_layer", self.layers, self.feature_layer), ("tap_layers", self.taps, self.tap_layers)):
            if any(not 1 <= number <= self.depth for number in numbers):
                allowed = f"−1 (last) … −{self.depth} (first of {self.depth}), or 1 … {self.depth}"
                raise ConfigError(f"ViT.{name}", str(said), allowed)
        if self.final_norm and len(self.layers) > 1:
            raise ConfigError("ViT.final_norm", "on, with several layers", "off: hidden states are taken before it")

    def tiny(self) -> "ViT":
        """Patch 8, width 32, two taps at most, and one block more than the farthest layer that is asked for."""
        taps = self.tap_layers[:2]
        depth = 1 + max(abs(layer) for layer in self._chosen + taps)
        return replace(self, patch=8, width=32, depth=depth, heads=4, mlp_width=64, image_size=32, tap_layers=taps)

    def build(self) -> "ViTModule":
        return ViTModule(self)

    @property
    def _chosen(self) -> tuple[int, ...]:
        return self.feature_layer if isinstance(self.feature_layer, tuple) else (self.feature_layer,)

    def _number(self, layer: int) -> int:
        return layer if layer >= 0 else self.depth + 1 + layer


class ViTModule(EncoderModule, SelfScaled):
    """Each frame of a tile is a document to the blocks; its patches see each other and nobody else."""

    def __init__(self, cfg: ViT) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = PatchEmbedding(cfg.patch, cfg.width, mean=cfg.mean, std=cfg.std, bias=cfg.patch_bias)
        head_dim = cfg.width // cfg.heads
        if cfg.has_table:
            self.positions = nn.Parameter(torch.empty(cfg.class_token + cfg.side**2, cfg.width))
        if cfg.class_token:
            self.class_token = nn.Parameter(torch.empty(cfg.width))
        if cfg.class_token and cfg.positions == "rotary":
            self.class_angles = nn.Parameter(torch.empty(head_dim // 2))
        if cfg.registers:
            self.registers = nn.Parameter(torch.empty(cfg.registers, cfg.width))
        self.patch_norm, self.input_norm, self.final_norm = (
            build_norm(cfg.norm, cfg.width, cfg.norm_eps) if wanted else nn.Identity()
            for wanted in (cfg.patch_norm, cfg.input_norm, cfg.final_norm)
        )
        self.blocks = build_stack(
            cfg.num_blocks, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=head_dim, qkv_bias=cfg.qkv_bias,
            output_bias=cfg.output_bias, qk_norm=cfg.qk_norm, norm=cfg.norm, norm_eps=cfg.norm_eps, mlp=cfg.mlp,
            mlp_width=cfg.mlp_width, activation=cfg.activation, mlp_bias=cfg.mlp_bias, layer_scale=cfg.layer_scale,
        )  # fmt: skip

    def stds(self) -> dict[str, float]:
        """The position table, class token and registers; the class token's angles turn by about a radian."""
        return dict.fromkeys(("positions", "class_token", "registers"), self.cfg.position_std) | {"class_angles": 1.0}

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        cfg, device, frames = self.cfg, pictures.patches.device, single_frames(on_host(pictures.grids))
        order, patch_index = _with_extra(frames, cfg.extra, device)
        hidden = self.patch_norm(self.embed(pictures.patches))
        hidden = self._placed(hidden, frames)
        if cfg.extra:
            hidden = torch.cat((hidden, self._extra().to(hidden.dtype)))[order]
        borders = torch.tensor([0, *(cfg.extra + r * c for _, r, c in frames)], device=device).cumsum(0)
        attend = PackedAttend(Packed(borders, Full()))
        states = tapped(self.blocks, self.input_norm(hidden), self._turn(frames, order), attend, cfg.layers + cfg.taps)
        if cfg.extra and cfg.features == "patches":
            states = tuple(state[patch_index] for state in states)
        features = states[: len(cfg.layers)]
        joined = torch.cat(features, dim=1) if len(features) > 1 else features[0]
        stream = tile_stream(self.final_norm(joined), regrid(pictures.grids, cfg))
        return replace(stream, taps=states[len(cfg.layers) :])

    def _placed(self, hidden: Float[Tensor, "P D"], frames: GridRows) -> Float[Tensor, "P D"]:
        """Patches → patches with what tells their places apart, unless that is the rotation of heads."""
        kind = self.cfg.positions
        if kind == "rotary":
            return hidden
        if kind == "sincos":
            return hidden + sincos_2d(frames, self.cfg.width, hidden.device).to(hidden.dtype)
        table = self.positions[int(self.cfg.class_token) :]
        return hidden + read_table(table, self.cfg.side, frames, kind).to(hidden.dtype)

    def _extra(self) -> Float[Tensor, "E D"]:
        """Class token, at its own place of the table, and registers, which have none."""
        rows = []
        if self.cfg.class_token:
            rows.append((self.class_token + self.positions[0] if self.cfg.has_table else self.class_token)[None])
        if self.cfg.registers:
            rows.append(self.registers)
        return torch.cat(rows)

    def _turn(self, frames: GridRows, order: Int[Tensor, "T"]) -> Turn:
        if self.cfg.positions != "rotary":
            return Still()
        places = patch_places(frames, order.device)[:, 2:]
        turn = rotary_2d(places, self.cfg.width // self.cfg.heads, THETA)
        if not self.cfg.extra:
            return turn
        still = torch.zeros_like(turn.cos[:1, 0]).expand(self.cfg.registers, -1)
        angles = torch.cat([self.class_angles.float()[None], still] if self.cfg.class_token else [still])[:, None]
        return Rotation(torch.cat((turn.cos, angles.cos()))[order], torch.cat((turn.sin, angles.sin()))[order])


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _with_extra(frames: GridRows, extra: int, device: torch.device) -> tuple[Int[Tensor, "T"], Int[Tensor, "P"]]:
    """Grids → (order that puts the `extra` tokens, the last of the input, before each frame; where the patches then stand)."""
    frame = patch_places(frames, torch.device("cpu"))[:, 0]
    patch_index = torch.arange(len(frame)) + (frame + 1) * extra
    total = len(frame) + extra * len(frames)
    order = torch.empty(total, dtype=torch.long)
    is_extra = torch.ones(total, dtype=torch.bool)
    is_extra[patch_index] = False
    order[patch_index] = torch.arange(len(frame))
    order[is_extra] = len(frame) + torch.arange(extra).repeat(len(frames))
    return order.to(device), patch_index.to(device)

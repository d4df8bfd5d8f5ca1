"""ViT (arXiv 2010.11929) with learned positions: Pictures → Stream of patch features. Covers the CLIP and SigLIP shapes."""

from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule
from omma.model.tiles import check_pictures, tile_stream
from omma.nn.attention import Full, Packed, PackedAttend
from omma.nn.block import build_stack
from omma.nn.grids import GridRows, on_host, patch_places
from omma.nn.init import SelfScaled
from omma.nn.mlp import Activation
from omma.nn.patches import PatchEmbedding
from omma.nn.rotary import Still
from omma.schema.batch import Pictures, Stream


@config
class ViT(Encoder):
    """`image_size` px is what the position table was made for; other tiles read it bicubically interpolated.

    `feature_layer` counts hidden states from the end: −1 is what the last block returns, −2 what the one before it does
    (the blocks behind it are never built). `input_norm` is CLIP's norm before the first block, `final_norm` the one
    behind the last, which CLIP's patch features do without. A class token takes part but is not handed on.
    """

    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    image_size: int = 224
    activation: Activation = "gelu_tanh"
    class_token: bool = False
    input_norm: bool = False
    final_norm: bool = True
    patch_bias: bool = True
    feature_layer: int = -1
    norm_eps: float = 1e-6
    position_std: float = 0.02

    @property
    def side(self) -> int:
        """Rows and columns of the position table."""
        return self.image_size // self.patch

    @property
    def num_blocks(self) -> int:
        """Blocks that are built: those up to the feature layer."""
        return self.depth + 1 + self.feature_layer

    def check(self) -> None:
        if self.width % self.heads:
            raise ConfigError("ViT.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")
        if self.image_size % self.patch:
            raise ConfigError("ViT.image_size", f"{self.image_size} px", f"a multiple of the patch, {self.patch} px")
        if not -self.depth <= self.feature_layer <= -1:
            raise ConfigError("ViT.feature_layer", str(self.feature_layer), f"−1 (last) … −{self.depth} (first of {self.depth})")

    def tiny(self) -> "ViT":
        """Patch 8, width 32, and two blocks up to the feature layer."""
        depth = 1 - self.feature_layer
        return replace(self, patch=8, width=32, depth=depth, heads=4, mlp_width=64, image_size=32)

    def build(self) -> "ViTModule":
        return ViTModule(self)


class ViTModule(EncoderModule, SelfScaled):
    """Each tile is a document; its patches see each other and nobody else."""

    def __init__(self, cfg: ViT) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = PatchEmbedding(cfg.patch, cfg.width, mean=cfg.mean, std=cfg.std, bias=cfg.patch_bias)
        self.positions = nn.Parameter(torch.empty(cfg.class_token + cfg.side**2, cfg.width))
        if cfg.class_token:
            self.class_token = nn.Parameter(torch.empty(cfg.width))
        self.input_norm = nn.LayerNorm(cfg.width, cfg.norm_eps) if cfg.input_norm else nn.Identity()
        head_dim = cfg.width // cfg.heads
        self.blocks = build_stack(
            cfg.num_blocks, cfg.width, heads=cfg.heads, kv_heads=cfg.heads, head_dim=head_dim, qkv_bias=True, output_bias=True,
            qk_norm="none", norm="layer", norm_eps=cfg.norm_eps, mlp="plain", mlp_width=cfg.mlp_width,
            activation=cfg.activation, mlp_bias=True,
        )  # fmt: skip
        self.final_norm = nn.LayerNorm(cfg.width, cfg.norm_eps) if cfg.final_norm else nn.Identity()

    def stds(self) -> dict[str, float]:
        """The position table and the class token."""
        return {"positions": self.cfg.position_std, "class_token": self.cfg.position_std}

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        rows, device = on_host(pictures.grids), pictures.patches.device
        hidden = self.embed(pictures.patches)
        hidden = hidden + self._positions(rows).to(hidden.dtype)
        lengths = [r * c + self.cfg.class_token for _, r, c in rows]
        if self.cfg.class_token:
            order, patch_index = _with_class_token(rows, device)
            first = (self.class_token + self.positions[0]).to(hidden.dtype)
            hidden = torch.cat((hidden, first[None]))[order]
        borders = torch.tensor([0, *lengths], device=device).cumsum(0)
        hidden = self.blocks(self.input_norm(hidden), Still(), PackedAttend(Packed(borders, Full())))
        if self.cfg.class_token:
            hidden = hidden[patch_index]
        return tile_stream(self.final_norm(hidden), pictures.grids)

    def _positions(self, rows: GridRows) -> Float[Tensor, "P D"]:
        """Grids → position embedding of each patch. Distinct grids are interpolated once each."""
        side, shapes = self.cfg.side, sorted({(r, c) for _, r, c in rows})
        table = self.positions[int(self.cfg.class_token) :]
        resized = [table if (r, c) == (side, side) else _resize(table, side, r, c) for r, c in shapes]
        return torch.cat([table[:0], *resized])[_table_index(rows, table.device)]


def _resize(table: Float[Tensor, "P D"], side: int, rows: int, columns: int) -> Float[Tensor, "Q D"]:
    """Square table → (rows · columns, D), bicubic without antialiasing, as CLIP and SigLIP are used at other sizes."""
    square = table.float().unflatten(0, (side, side)).permute(2, 0, 1)[None]
    return interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False)[0].permute(1, 2, 0).flatten(0, 1)


@lru_cache(maxsize=64)
def _table_index(rows: GridRows, device: torch.device) -> Int[Tensor, "P"]:
    """Row of each patch in the tables of the distinct grids, sorted and put one behind the other."""
    first, total = {}, 0
    for r, c in sorted({(r, c) for _, r, c in rows}):
        first[r, c], total = total, total + r * c
    pieces = [torch.arange(first[r, c], first[r, c] + r * c) for _, r, c in rows]
    return torch.cat([torch.zeros(0, dtype=torch.long), *pieces]).to(device)


@lru_cache(maxsize=64)
def _with_class_token(rows: GridRows, device: torch.device) -> tuple[Int[Tensor, "T"], Int[Tensor, "P"]]:
    """Grids → (order that puts one class token, the last of the input, before each tile; where the patches then stand)."""
    tile = patch_places(rows, torch.device("cpu"))[:, 0]
    patch_index = torch.arange(len(tile)) + tile + 1
    order = torch.full((len(tile) + len(rows),), len(tile))
    order[patch_index] = torch.arange(len(tile))
    return order.to(device), patch_index.to(device)

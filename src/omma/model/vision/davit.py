"""DaViT (arXiv 2204.03645), the tower of Florence-2 (arXiv 2311.06242): Pictures → Stream of features, one per `patch` px.

Stages of overlapping convolutions, each followed by pairs of blocks: windows of places attend, h + A(LN h), then channels attend
in groups, softmax(q kᵀ / √N) v over the N places of a tile. A depthwise convolution comes before each branch, h + conv h. Equal
to transformers' `Florence2VisionBackbone`, whose windows at the right and lower edge are filled up with zeros that are seen.
"""

from dataclasses import replace
from math import prod

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_shuffle, scaled_dot_product_attention

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.convolutions import ChannelNorm, Depthwise
from omma.model.feature_maps import on_maps
from omma.model.slots import Encoder, EncoderModule, Pace
from omma.model.tiles import check_pictures, tile_stream
from omma.nn.block import Chain
from omma.nn.init import ResidualLinear, SelfScaled
from omma.nn.mlp import Activation, PlainMlp
from omma.nn.patches import normalised
from omma.schema.batch import Pictures, Stream

CHANNELS = 3  # of a pixel
NORM_EPS = 1e-5


@config
class DaViT(Encoder):
    """`patch` is the product of the `strides`. A value of each tuple belongs to a stage: width, pairs of blocks, heads of its
    windows, groups of its channels; kernel, stride and zeros around of its convolution, and whether the norm comes before it.
    """

    patch: int = 32
    widths: tuple[int, ...] = (128, 256, 512, 1024)
    depths: tuple[int, ...] = (1, 1, 9, 1)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    groups: tuple[int, ...] = (4, 8, 16, 32)
    kernels: tuple[int, ...] = (7, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    paddings: tuple[int, ...] = (3, 1, 1, 1)
    norm_first: tuple[bool, ...] = (False, True, True, True)
    window: int = 12
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    activation: Activation = "gelu"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @property
    def width(self) -> int:
        """Width of the last stage."""
        return self.widths[-1]

    def check(self) -> None:
        stages = {
            len(v) for v in (self.depths, self.heads, self.groups, self.kernels, self.strides, self.paddings, self.norm_first)
        }
        if stages != {len(self.widths)} or not self.widths:
            raise ConfigError("DaViT", f"tuples of {sorted(stages)} stages", f"{len(self.widths)}, as many as widths, at least 1")
        if prod(self.strides) != self.patch:
            raise ConfigError("DaViT.patch", f"{self.patch} px", f"{prod(self.strides)}, the product of the strides")
        for width, heads, groups in zip(self.widths, self.heads, self.groups, strict=True):
            if width % heads or width % groups:
                got = f"{heads} heads and {groups} groups over width {width}"
                raise ConfigError("DaViT.heads", got, "divisors of the stage's width")
        for kernel, stride, around in zip(self.kernels, self.strides, self.paddings, strict=True):
            if not 2 * around < kernel <= 2 * around + stride:
                got = f"kernel {kernel}, stride {stride}, padding {around}"
                raise ConfigError("DaViT.kernels", got, "one cell per stride: 2 · padding < kernel ≤ 2 · padding + stride")

    def tiny(self) -> "DaViT":
        """Two stages of one pair, patch 8, width 16."""
        return replace(
            self, patch=8, widths=(8, 16), depths=(1, 1), heads=(2, 4), groups=(4, 2), kernels=(7, 3), strides=(4, 2),
            paddings=(3, 1), norm_first=(False, True), window=3,
        )  # fmt: skip

    def build(self) -> EncoderModule:
        return DaViTModule(self)


class DaViTModule(EncoderModule):
    """Each frame of a tile is a map by itself; nothing crosses its edge."""

    def __init__(self, cfg: DaViT) -> None:
        super().__init__()
        self.cfg = cfg
        ins = (CHANNELS, *cfg.widths[:-1])
        self.embeds = nn.ModuleList(StageEmbedding(cfg, stage, in_dim) for stage, in_dim in enumerate(ins))
        self.stages = nn.ModuleList(Chain(*(DualBlock(cfg, stage) for _ in range(depth))) for stage, depth in enumerate(cfg.depths))

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        cfg = self.cfg
        values = normalised(pictures.patches, cfg.patch, cfg.mean, cfg.std).to(next(self.parameters()).dtype)
        return tile_stream(on_maps(values, pictures.grids, self.maps), pictures.grids)

    def paces(self) -> dict[str, Pace]:
        """A stage has as many places per side of a patch as the strides behind it multiply to."""
        sides = [prod(self.cfg.strides[stage + 1 :]) for stage in range(len(self.stages))]
        return {f"{name}.{stage}": Pace.zoomed(side) for stage, side in enumerate(sides) for name in ("embeds", "stages")}

    def maps(self, patches: Float[Tensor, "n C r c"]) -> Float[Tensor, "n D r c"]:
        """Patches as maps of their values → features of the last stage."""
        hidden = pixel_shuffle(patches, self.cfg.patch)
        for embed, stage in zip(self.embeds, self.stages, strict=True):
            hidden = stage(embed(hidden))
        return hidden


class Strided(nn.Conv2d, SelfScaled):
    """A convolution with a stride."""

    def stds(self) -> dict[str, float]:
        """By the values that each output sums."""
        return {"weight": (self.in_channels * self.kernel_size[0] * self.kernel_size[1]) ** -0.5}

    def constants(self) -> dict[str, float]:
        """No bias at first."""
        return {"bias": 0.0}


class StageEmbedding(nn.Module):
    """Maps (n, C, r, c) → (n, D, r / stride, c / stride), normed before or behind."""

    def __init__(self, cfg: DaViT, stage: int, in_dim: int) -> None:
        super().__init__()
        width, self.norm_first = cfg.widths[stage], cfg.norm_first[stage]
        self.norm = ChannelNorm(in_dim if self.norm_first else width, NORM_EPS)
        self.project = Strided(in_dim, width, cfg.kernels[stage], stride=cfg.strides[stage], padding=cfg.paddings[stage])

    def forward(self, maps: Float[Tensor, "n C r c"]) -> Float[Tensor, "n D r2 c2"]:
        return self.project(self.norm(maps)) if self.norm_first else self.norm(self.project(maps))


class DualBlock(nn.Module):
    """A block whose places attend in windows, then one whose channels attend."""

    def __init__(self, cfg: DaViT, stage: int) -> None:
        super().__init__()
        width = cfg.widths[stage]
        places = WindowAttention(width, cfg.heads[stage], cfg.window, cfg.qkv_bias, sum(cfg.depths))
        channels = ChannelAttention(width, cfg.groups[stage], cfg.qkv_bias, sum(cfg.depths))
        self.places, self.channels = ConvBlock(cfg, width, places), ConvBlock(cfg, width, channels)

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r c"]:
        return self.channels(self.places(maps))


class ConvBlock(nn.Module):
    """Maps → maps: h + conv h, h + attend(LN h), h + conv h, h + MLP(LN h)."""

    def __init__(self, cfg: DaViT, width: int, attention: nn.Module) -> None:
        super().__init__()
        self.attention_conv, self.mlp_conv = Depthwise(width, bias=True), Depthwise(width, bias=True)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width, NORM_EPS), nn.LayerNorm(width, NORM_EPS)
        self.attention = attention
        hidden, depth = int(width * cfg.mlp_ratio), sum(cfg.depths)
        self.mlp = PlainMlp(width, hidden, activation=cfg.activation, bias=True, depth=depth)

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r c"]:
        maps = maps + self.attention_conv(maps)
        rows_nrcD = maps.movedim(1, -1)
        maps = maps + self.attention(self.attention_norm(rows_nrcD)).movedim(-1, 1)
        maps = maps + self.mlp_conv(maps)
        return maps + self.mlp(self.mlp_norm(maps.movedim(1, -1))).movedim(-1, 1)


class Projected(nn.Module):
    """Queries, keys and values of places, and the way out."""

    def __init__(self, width: int, bias: bool, depth: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=bias) for _ in range(3))
        self.output = ResidualLinear(width, width, depth=depth, bias=True)


class WindowAttention(Projected):
    """(n, r, c, D) → the same: places of a window of `side` × `side` attend to each other and to the zeros that fill it."""

    def __init__(self, width: int, heads: int, side: int, bias: bool, depth: int) -> None:
        super().__init__(width, bias, depth)
        self.heads, self.side = heads, side

    def forward(self, hidden: Float[Tensor, "n r c D"]) -> Float[Tensor, "n r c D"]:
        rows, columns = hidden.shape[1:3]
        filled = pad(hidden, (0, 0, 0, -columns % self.side, 0, -rows % self.side))
        q, k, v = (self._windows(part(filled)) for part in (self.query, self.key, self.value))
        seen = scaled_dot_product_attention(q, k, v).transpose(2, 3).flatten(3)
        n, high, wide = len(hidden), filled.shape[1] // self.side, filled.shape[2] // self.side
        back = seen.view(n, high, wide, self.side, self.side, -1).transpose(2, 3).reshape(filled.shape)
        return self.output(back[:, :rows, :columns])

    def _windows(self, hidden: Float[Tensor, "n r c D"]) -> Float[Tensor, "n w H t K"]:
        """Maps of whole windows → heads of the places of each window."""
        cut = hidden.unflatten(2, (-1, self.side)).unflatten(1, (-1, self.side)).transpose(2, 3)
        return cut.flatten(3, 4).flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(2, 3)


class ChannelAttention(Projected):
    """(n, r, c, D) → the same: the channels of a group attend to each other, each described by its values at all N places."""

    def __init__(self, width: int, groups: int, bias: bool, depth: int) -> None:
        super().__init__(width, bias, depth)
        self.groups = groups

    def forward(self, hidden: Float[Tensor, "n r c D"]) -> Float[Tensor, "n r c D"]:
        places = hidden.flatten(1, 2)
        q, k, v = (part(places).unflatten(-1, (self.groups, -1)).permute(0, 2, 3, 1) for part in (self.query, self.key, self.value))
        mixed = scaled_dot_product_attention(q, k, v).permute(0, 3, 1, 2).flatten(2)
        return self.output(mixed).view(hidden.shape)

"""Downsample MLP (DeepSeek-VL2, arXiv 2412.10302): squares of patches, zeros beyond odd edges → tokens through `depth` matrices.

No norm; the matrices between first and last are `widen` times as wide as the language model (deepseek-ai/DeepSeek-VL2
`modeling_deepseek_vl_v2.py`, `downsample_mlp_gelu`). The released first matrix reads values channel by channel
(`unfold`); `omma.model.squares.place_major` turns it into this one.
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import ConnectorModule
from omma.model.squares import PaddedSquares, padded_squares
from omma.schema.batch import Stream


@config
class DownsampleMlp(PaddedSquares):
    """`factor` patches per side become one token: SigLIP's 27 × 27 patches become 14 × 14 tokens."""

    depth: int = 2
    widen: int = 1

    def check(self) -> None:
        super().check()
        if self.depth < 2 or self.widen < 1:
            raise ConfigError(
                "DownsampleMlp", f"depth {self.depth}, widen {self.widen}", "at least 2 matrices, widened 1 time or more"
            )

    def build(self, *, in_dim: int, out_dim: int) -> "DownsampleMlpModule":
        return DownsampleMlpModule(self, in_dim, out_dim)


class DownsampleMlpModule(ConnectorModule):
    """See `DownsampleMlp`."""

    def __init__(self, cfg: DownsampleMlp, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.factor = cfg.factor
        dims = [in_dim * cfg.factor**2, *[out_dim * cfg.widen] * (cfg.depth - 1), out_dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(dims))

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        hidden = self.layers[0](padded_squares(features.hidden, grids, self.factor).flatten(1))
        for layer in list(self.layers)[1:]:
            hidden = layer(gelu(hidden))
        return hidden

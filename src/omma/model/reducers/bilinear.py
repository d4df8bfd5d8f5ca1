"""Bilinear reducer (LLaVA-OneVision on video, arXiv 2408.03326): visual tokens (N, D) → a map of ⌈side / factor⌉, interpolated.

27 × 27 tokens of a frame become 14 × 14 = 196 (transformers `models/llava_onevision`, `apply_pooling`).
"""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.feature_maps import on_maps
from omma.model.slots import ConnectorModule, Grid, Reducer
from omma.schema.batch import Stream


@config
class Bilinear(Reducer):
    """`factor` tokens per side become one, rounded up."""

    factor: int = 2

    def check(self) -> None:
        if self.factor < 1:
            raise ConfigError("Bilinear.factor", str(self.factor), "at least 1 token per side")

    def grid(self, tokens: Grid) -> Grid:
        """Both sides divided by the factor, rounded up."""
        return -(-tokens[0] // self.factor), -(-tokens[1] // self.factor)

    def build(self, *, dim: int) -> "BilinearModule":
        return BilinearModule(self)


class BilinearModule(ConnectorModule):
    """See `Bilinear`."""

    def __init__(self, cfg: Bilinear) -> None:
        super().__init__()
        self.cfg = cfg

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        return on_maps(features.hidden, grids, self._interpolated)

    def _interpolated(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r2 c2"]:
        rows, columns = self.cfg.grid((maps.shape[2], maps.shape[3]))
        return interpolate(maps, size=(rows, columns), mode="bilinear", align_corners=False)

"""Transposed pixel shuffle (InternVL 1.2 and before, `ps_version` v1): as `PixelShuffle`, with every tile's map transposed.

The released code leaves out the last exchange of rows and columns, so visual tokens run down the columns. Values inside a
token keep their order (OpenGVLab/InternVL `modeling_internvl_chat.py`, `pixel_shuffle`).
"""

from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import config
from omma.model.connectors.pixel_shuffle import PixelShuffle, PixelShuffleModule
from omma.model.feature_maps import on_maps
from omma.model.slots import Grid
from omma.schema.batch import Stream


@config
class TransposedShuffle(PixelShuffle):
    """`factor` patches per side become one token; its grid has as many rows as the tile has token columns."""

    def grid(self, patches: Grid) -> Grid:
        """Both sides divided by the factor and exchanged."""
        rows, columns = super().grid(patches)
        return columns, rows

    def build(self, *, in_dim: int, out_dim: int) -> "TransposedShuffleModule":
        return TransposedShuffleModule(self, in_dim, out_dim)


class TransposedShuffleModule(PixelShuffleModule):
    """See `TransposedShuffle`."""

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        tokens = super().forward(features, grids)
        small = grids.clone()
        small[:, 1:] //= self.factor
        return on_maps(tokens, small, lambda maps: maps.transpose(2, 3))

"""UpsampleAdd (Ferret-v2, arXiv 2404.07973): a projector for whole pictures and one for their parts; the coarse map joins the fine.

whole tile: t = mlp_g(f). Part: t = mlp_l(f) + the whole's map of t at the same place, bilinear between its tokens. On a grid of
equal tiles that is the whole's map upsampled to the size of all parts together and added. The paper adds so for the map that
features of regions are read from; here what the language model reads is the sum.
"""

from dataclasses import replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.model.connectors.mlp import Mlp
from omma.model.slots import Connector, ConnectorModule
from omma.model.tiles import windows_of
from omma.nn.grids import on_host, patch_places, tile_borders
from omma.schema.batch import Stream, Windows


@config
class UpsampleAdd(Connector):
    """`projector` is built twice."""

    projector: Mlp = Mlp(depth=2)

    def tiny(self) -> Self:
        """As it is: widths are those of its neighbours."""
        return self

    def build(self, *, in_dim: int, out_dim: int) -> "UpsampleAddModule":
        return UpsampleAddModule(self, in_dim, out_dim)


class UpsampleAddModule(ConnectorModule):
    """See `UpsampleAdd`. Both projectors take part in every batch: without a part, that one is not heard."""

    def __init__(self, cfg: UpsampleAdd, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.whole, self.parts = (cfg.projector.build(in_dim=in_dim, out_dim=out_dim) for _ in range(2))

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        windows = windows_of(features.windows, grids)
        rows, device = on_host(grids), features.hidden.device
        tile = patch_places(rows, device)[:, 0]
        is_whole = (windows.whole == torch.arange(len(rows), device=device))[tile]
        coarse = self._projected(self.whole, features, grids, is_whole)
        fine = self._projected(self.parts, features, grids, ~is_whole)
        index, weight = places_on_wholes(windows, grids)
        lifted = torch.einsum("nk,nkd->nd", weight.to(coarse.dtype), coarse[index])
        return torch.where(is_whole[:, None], coarse, fine + lifted)

    def _projected(self, projector: nn.Module, features: Stream, grids: Int[Tensor, "I 3"], which: Tensor) -> Float[Tensor, "N D"]:
        """Tokens of some patches, zeros elsewhere."""
        numbers = which.nonzero()[:, 0]
        heard = len(numbers) > 0
        read = features.hidden[numbers] if heard else features.hidden[:1] * 0
        tokens = projector(replace(features, hidden=read), grids)
        empty = tokens.new_zeros(len(which), tokens.shape[1])
        return empty.index_copy(0, numbers, tokens) if heard else empty + 0 * tokens.sum()


def places_on_wholes(windows: Windows, grids: Int[Tensor, "I 3"]) -> tuple[Int[Tensor, "N 4"], Float[Tensor, "N 4"]]:
    """Where tiles lie on those of their whole pictures + all grids → for every token the four tokens of the whole around its place,
    and their bilinear weights. Places beyond the middles of the outer tokens take these, as in an upsampling."""
    rows, device = on_host(grids), grids.device
    tile, frame, row, column = patch_places(rows, device).unbind(1)
    whole, box = windows.whole[tile], windows.box[tile].double()
    (_, high, wide), (_, whole_high, whole_wide) = grids[tile].unbind(1), grids[whole].unbind(1)
    x = (box[:, 0] + (column + 0.5) / wide * (box[:, 2] - box[:, 0])) * whole_wide - 0.5
    y = (box[:, 1] + (row + 0.5) / high * (box[:, 3] - box[:, 1])) * whole_high - 0.5
    x, y = x.clamp(min=0).minimum(whole_wide - 1), y.clamp(min=0).minimum(whole_high - 1)
    left, top = x.long(), y.long()
    right, bottom = (left + 1).minimum(whole_wide - 1), (top + 1).minimum(whole_high - 1)
    first = tile_borders(rows, device)[whole] + frame * whole_high * whole_wide
    index = torch.stack([first + r * whole_wide + c for r in (top, bottom) for c in (left, right)], dim=1)
    across, down = x - left, y - top
    weight = torch.stack([d * a for d in (1 - down, down) for a in (1 - across, across)], dim=1)
    return index, weight.float()

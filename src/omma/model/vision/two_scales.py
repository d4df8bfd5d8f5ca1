"""TwoScales: one tower over a picture and over pieces of it → Stream of both scales' features, side by side on the whole's grid.

The pieces' features are put together as a map and averaged down to the whole's grid (area); without pieces they are zeros. S²
(arXiv 2403.13043) as Ovis 1.5 does it (AIDC-AI/Ovis v1.5 `visual_tokenizer/siglip_visual_tokenizer.py`, `encode` with
`hd_booster`).
"""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.media.windows import windows
from omma.model.slots import Encoder, EncoderModule
from omma.model.tiles import check_pictures, tile_stream, windows_of
from omma.model.vision.vit import ViT
from omma.nn.grids import on_host
from omma.schema.batch import Pictures, Stream
from omma.schema.view import TilePlan

SIGLIP = ViT(patch=14, width=1152, depth=27, heads=16, mlp_width=4304, image_size=384, activation="gelu_tanh", final_norm=False)


@config
class TwoScales(Encoder):
    """`patch` is that of the tower, which normalises colours itself.

    It `hands` on features of all `tiles`, those of a piece beside zeros, or of `wholes` alone, for views such as `FramedQuarters`
    that show nothing else.
    """

    patch: int = 14
    tower: ViT = SIGLIP
    hands: Literal["tiles", "wholes"] = "tiles"

    @property
    def width(self) -> int:
        """Both scales."""
        return 2 * self.tower.out_width

    @property
    def cut(self) -> int:
        """That of the tower."""
        return self.tower.cut

    def check(self) -> None:
        if self.patch != self.tower.patch or self.tower.features != "patches" or self.tower.tap_layers:
            got = f"patch {self.tower.patch}, features {self.tower.features!r}, taps {self.tower.tap_layers}"
            raise ConfigError("TwoScales.tower", got, f"patch {self.patch}, 'patches', none")

    def tiny(self) -> "TwoScales":
        """A tiny tower."""
        tower = self.tower.tiny()
        return replace(self, patch=tower.patch, tower=tower)

    def handed(self, plan: TilePlan) -> tuple[int, ...]:
        """All tiles, or those that show whole pictures."""
        if self.hands == "tiles":
            return super().handed(plan)
        whole, _ = windows([plan])
        return tuple(i for i, number in enumerate(whole.tolist()) if i == number)

    def build(self) -> "TwoScalesModule":
        return TwoScalesModule(self)


class TwoScalesModule(EncoderModule):
    """See `TwoScales`."""

    def __init__(self, cfg: TwoScales) -> None:
        super().__init__()
        self.cfg = cfg
        self.tower = cfg.tower.build()

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        rows, seen = on_host(pictures.grids), self.tower(pictures).hidden
        own = list(seen.split([t * r * c for t, r, c in rows]))
        coarse = [torch.zeros_like(tile) for tile in own]
        known = windows_of(pictures.windows, pictures.grids)
        pieces: dict[int, list[int]] = defaultdict(list)
        for number, whole in enumerate(known.whole.tolist()):
            if whole != number:
                pieces[whole].append(number)
        for whole, parts in pieces.items():
            columns = _columns(known.box[parts].tolist())
            coarse[whole] = _averaged([own[part] for part in parts], [rows[part] for part in parts], columns, rows[whole])
        both, kept = [torch.cat(pair, dim=1) for pair in zip(own, coarse, strict=True)], self.handed(pictures)
        return tile_stream(torch.cat([both[i] for i in kept.nonzero()[:, 0].tolist()]), pictures.grids[kept])

    def handed(self, pictures: Pictures) -> Bool[Tensor, "I"]:
        """All tiles, or those that show whole pictures."""
        if self.cfg.hands == "tiles":
            return super().handed(pictures)
        whole = windows_of(pictures.windows, pictures.grids).whole
        return whole == torch.arange(len(whole), device=whole.device)


def _columns(boxes: list[list[float]]) -> int:
    """Boxes of the pieces of a picture, row by row → pieces in a row: as many as lie each to the right of the one before."""
    middles = [x0 + x1 for x0, _, x1, _ in boxes]
    return next((i for i, (a, b) in enumerate(pairwise(middles), 1) if b <= a), len(boxes))


def _averaged(
    tiles: list[Tensor], grids: list[tuple[int, int, int]], columns: int, whole: tuple[int, int, int]
) -> Float[Tensor, "P D"]:
    """Features of a picture's pieces, their grids and how many stand in a row → their map averaged down to the whole's grid."""
    steps, high, wide = grids[0]
    if len(set(grids)) > 1 or steps != 1 or whole[0] != 1 or len(tiles) % columns:
        got = f"{len(tiles)} pieces with grids {sorted(set(grids))}, {columns} in a row"
        raise ShapeError("TwoScales", got, "still pieces of one size in full rows", "take FramedQuarters, or another view of tiles")
    stacked = torch.stack(tiles).unflatten(0, (-1, columns)).unflatten(2, (high, wide))  # (rows, columns, r, c, D)
    field = stacked.permute(4, 0, 2, 1, 3).flatten(1, 2).flatten(2, 3)
    return adaptive_avg_pool2d(field.float(), whole[1:]).to(field.dtype).flatten(1).T

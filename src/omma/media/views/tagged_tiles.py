"""TaggedTiles: Tiles with a text tag before the tokens of each, so that a language model knows which tile it reads.

NVLM's 1-D tile tags (arXiv 2409.11402, section 4.2; as in nvidia/NVLM-D `modeling_nvlm_d.py`): <tile_1> … <tile_n>, and
<tile_global_thumbnail> before the whole picture, which also is the only tag of a picture that makes a single tile. Each names the
visual tokens of its tile (`Tag`), which splices between blocks go by.
"""

import math

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.views.tiles import Tiles
from omma.schema.view import Layout, Steps, Tag, TilePlan


@config
class TaggedTiles(Tiles):
    """`tile_tag` holds {number}, counted from 1."""

    max_tiles: int = 6
    tile_tag: str = "<tile_{number}>"
    whole_tag: str = "<tile_global_thumbnail>"

    def check(self) -> None:
        super().check()
        if "{number}" not in self.tile_tag:
            raise ConfigError("TaggedTiles.tile_tag", repr(self.tile_tag), "text that holds {number}")

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        borders = np.cumsum([0, *(math.prod(grid) for grid in grids)])
        runs: list[np.ndarray | str] = []
        number = 0
        for i, tile in enumerate(plan.tiles):
            whole = len(plan.tiles) == 1 or tile.canvas != plan.main
            number += not whole
            said = self.whole_tag if whole else self.tile_tag.replace("{number}", str(number))
            runs += [Tag(said, int(borders[i]), int(borders[i + 1])), np.arange(borders[i], borders[i + 1])]
        return tuple(runs)

"""Tiles: any picture → the grid of `size` px tiles whose aspect is nearest, and the whole picture as one more tile.

Matches InternVL's `dynamic_preprocess` (`internvl_chat/internvl/train/dataset.py`): of the grids with `min_tiles` to
`max_tiles` tiles, in order of their number of tiles, the nearest aspect wins; on a tie the later grid wins if the
picture has more than half of its area. The picture is squashed to the grid.
"""

from dataclasses import replace
from functools import cache
from typing import Literal, Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.planning import check_picture, check_side, filled, grid_of_tiles, shown_side
from omma.schema.view import Tile, TilePlan, Unit, View


@config
class Tiles(View):
    """Tiles row by row and, if there are several, the whole picture squashed to one tile behind or before them, or not at all."""

    size: int = 448
    min_tiles: int = 1
    max_tiles: int = 12
    thumbnail: Literal["last", "first", "none"] = "last"

    def check(self) -> None:
        super().check()
        check_side("Tiles.size", self.size)
        if not 1 <= self.min_tiles <= self.max_tiles:
            got = f"min_tiles {self.min_tiles} and max_tiles {self.max_tiles}"
            raise ConfigError("Tiles", got, "1 ≤ min_tiles ≤ max_tiles")

    def tiny(self) -> Self:
        return replace(self, video=self.video.tiny(), size=32, min_tiles=min(self.min_tiles, 4), max_tiles=min(self.max_tiles, 4))

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        check_picture(width, height)
        shown = shown_side("Tiles", self.size, unit)
        columns, rows = self._grid(width, height)
        detail, tiles = filled(columns * self.size, rows * self.size), grid_of_tiles(0, rows, columns, self.size, shown)
        if self.thumbnail == "none" or len(tiles) == 1:
            return TilePlan(width, height, (detail,), tiles)
        whole = (Tile(1, 0, 0, shown, shown),)
        tiles = whole + tiles if self.thumbnail == "first" else tiles + whole
        return TilePlan(width, height, (detail, filled(self.size, self.size)), tiles)

    def _grid(self, width: int, height: int) -> tuple[int, int]:
        best, best_distance = (1, 1), float("inf")
        for columns, rows in candidates(self.min_tiles, self.max_tiles):
            distance = abs(width / height - columns / rows)
            roomy = width * height > 0.5 * self.size * self.size * columns * rows
            if distance < best_distance or (distance == best_distance and roomy):
                best, best_distance = (columns, rows), distance
        return best


@cache
def candidates(min_tiles: int, max_tiles: int) -> tuple[tuple[int, int], ...]:
    """Bounds on the number of tiles → all (columns, rows), fewest tiles first, then fewest columns."""
    grids = [(c, r) for c in range(1, max_tiles + 1) for r in range(1, max_tiles // c + 1) if c * r >= min_tiles]
    return tuple(sorted(grids, key=lambda grid: grid[0] * grid[1]))

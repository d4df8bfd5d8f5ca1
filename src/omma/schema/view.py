"""View: (width, height) → TilePlan, a pure plan of how a picture is resized, padded, cut and laid out as tokens.

Everything that follows from sizes alone lives here: patch grids, visual token counts, box maps. No pixels.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from omma.core.config import Config, config
from omma.core.errors import ConfigError

NEWLINE, SEPARATOR = -1, -2  # layout entries that stand for learned embeddings instead of visual tokens


@dataclass(frozen=True, slots=True)
class Unit:
    """What encoder and connector ask of a picture's sides: `patch` px per patch, `merge` patches per visual token side."""

    patch: int
    merge: int = 1

    @property
    def pixels(self) -> int:
        """Side of one visual token in px."""
        return self.patch * self.merge


@dataclass(frozen=True, slots=True)
class Canvas:
    """The whole picture resized to fill `content` (x0, y0, x1, y1) of a `width` × `height` px sheet; the rest is fill colour.

    `border` (left, top, right, bottom) is fill colour put around the picture in its own px before it is resized.
    """

    width: int
    height: int
    content: tuple[int, int, int, int]
    border: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Tile:
    """A `width` × `height` px window of canvas number `canvas` with its corner at (x0, y0): one picture for the encoder."""

    canvas: int
    x0: int
    y0: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How one `width` × `height` px picture becomes tiles. `main` is the canvas in whose frame `view_*` boxes are given."""

    width: int
    height: int
    canvases: tuple[Canvas, ...]
    tiles: tuple[Tile, ...]
    main: int = 0

    def grids(self, patch: int) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of patches per tile."""
        return tuple((tile.height // patch, tile.width // patch) for tile in self.tiles)

    def num_patches(self, patch: int) -> int:
        """Patches of all tiles."""
        return sum(rows * columns for rows, columns in self.grids(patch))


# What a picture becomes in the token stream: text tags, and runs of indices into its visual tokens (or NEWLINE, SEPARATOR).
Layout = tuple["np.ndarray | str", ...]


def num_slots(layout: Layout) -> int:
    """Visual token slots of a layout (its text tags are not counted)."""
    return sum(len(run) for run in layout if not isinstance(run, str))


@config
class View(Config):
    """Slot 1 of a model. Subclasses implement `plan`; `layout` changes only where tokens are dropped, added or tagged."""

    fill: tuple[int, int, int] = (255, 255, 255)
    resample: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bicubic"

    def check(self) -> None:
        if not all(0 <= value <= 255 for value in self.fill):
            raise ConfigError(f"{type(self).__name__}.fill", str(self.fill), "three values from 0 to 255")

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        """Picture size in px → plan. Closed form; raises DataError for sizes that the view refuses."""
        raise NotImplementedError(f"{type(self).__name__} has no plan")

    def layout(self, plan: TilePlan, grids: tuple[tuple[int, int], ...]) -> Layout:
        """Plan + (rows, columns) of visual tokens per tile → token layout. Default: every tile's tokens in order."""
        return (np.arange(sum(rows * columns for rows, columns in grids)),)

    @property
    def layout_tokens(self) -> int:
        """Learned layout embeddings that `layout` refers to (0, 1 = newline, 2 = newline and separator)."""
        return 0

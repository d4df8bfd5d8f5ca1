"""View: (width, height) → TilePlan, a pure plan of how a picture is resized, padded, cut and laid out as tokens.

Everything that follows from sizes alone lives here: patch grids, visual token counts, box maps. No pixels. A video has
besides the number of its frames and their pace; `Footage` plans it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from omma.core.config import Config, config
from omma.core.errors import ConfigError, DataError

Steps = tuple[int, int, int]  # (frames or time steps, rows, columns)
Shade = int | float  # of one colour channel, 0 … 255
NEWLINE, SEPARATOR = -1, -2  # layout entries that stand for learned embeddings instead of visual tokens


@dataclass(frozen=True, slots=True)
class Unit:
    """What encoder and connector ask of a picture's sides: `patch` px per patch, `merge` patches per visual token side.

    `temporal` frames of a video make one time step. Tiles of `cut` px lose what no whole patch covers at the right and below.
    """

    patch: int
    merge: int = 1
    temporal: int = 1
    cut: int = 0

    @property
    def pixels(self) -> int:
        """Side of one visual token in px."""
        return self.patch * self.merge


@dataclass(frozen=True, slots=True)
class Canvas:
    """The whole picture resized to fill `content` (x0, y0, x1, y1) of a `width` × `height` px sheet; the rest is fill colour.

    `border` (left, top, right, bottom) is fill colour put around the picture in its own px before it is resized; where it is
    negative, so much of the picture is cut off instead.
    """

    width: int
    height: int
    content: tuple[int, int, int, int]
    border: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Tile:
    """A `width` × `height` px window of canvas number `canvas` with its corner at (x0, y0): one picture for the encoder.

    It shows `frames` frames of the plan's clip, from number `first` on; behind the clip's end its last frame again.
    """

    canvas: int
    x0: int
    y0: int
    width: int
    height: int
    frames: int = 1
    first: int = 0


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of a video that are seen, by number, out of `total` at `fps` a second. A picture is one frame at 0."""

    frames: tuple[int, ...] = (0,)
    total: int = 1
    fps: float = 0.0

    @property
    def seconds(self) -> tuple[float, ...]:
        """When each frame is shown."""
        return tuple(frame / self.fps if self.fps else 0.0 for frame in self.frames)

    @property
    def step(self) -> float:
        """Seconds from one seen frame to the next, on average; 0 for a picture."""
        return self.total / self.fps / len(self.frames) if self.fps else 0.0


STILL = Clip()


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How one `width` × `height` px picture becomes tiles. `main` is the canvas in whose frame `view_*` boxes are given."""

    width: int
    height: int
    canvases: tuple[Canvas, ...]
    tiles: tuple[Tile, ...]
    main: int = 0
    clip: Clip = STILL

    def grids(self, patch: int) -> tuple[Steps, ...]:
        """(frames, rows, columns) of patches per tile."""
        return tuple((tile.frames, tile.height // patch, tile.width // patch) for tile in self.tiles)

    def num_patches(self, patch: int) -> int:
        """Patches of all tiles in all their frames."""
        return sum(frames * rows * columns for frames, rows, columns in self.grids(patch))


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A run of tokens (M,), each a weighted sum of four visual tokens, as of a resized map.

    Token m is Σ_k weight[m, k] · visual[index[m, k]].
    """

    index: np.ndarray  # (M, 4) int64 into the picture's visual tokens
    weight: np.ndarray  # (M, 4) float32
    place: np.ndarray  # (M, 3) time, row and column on the new map

    def __len__(self) -> int:
        return len(self.index)


NO_BLEND = Blend(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.float32), np.zeros((0, 3), np.int64))


class Tag(str):
    """A text tag of a layout that names visual tokens `first` … `last` − 1 of its picture, such as those of one tile."""

    first: int
    last: int

    def __new__(cls, text: str, first: int, last: int) -> "Tag":
        tag = super().__new__(cls, text)
        tag.first, tag.last = first, last
        return tag


# What a picture becomes in the token stream: text tags, runs of indices into its visual tokens (or NEWLINE, SEPARATOR), blends.
Layout = tuple["np.ndarray | str | Blend", ...]


def num_slots(layout: Layout) -> int:
    """Visual token slots of a layout (its text tags are not counted)."""
    return sum(len(run) for run in layout if not isinstance(run, str))


@config
class Footage(Config):
    """How a view sees videos: which frames, how large, laid out how. This one refuses them; `media/footage/` has others."""

    def plan(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        """Frame size in px, stored frames, frames a second → plan. Closed form; DataError for videos that it refuses."""
        fix = "set model.view.video, for example to omma.media.footage.whole.Whole, or leave videos out"
        raise DataError("video", "this model's view sees no videos", "a model that does", fix)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        """Plan + (time steps, rows, columns) of visual tokens per tile → token layout. Default: all tokens in order."""
        return (np.arange(sum(steps * rows * columns for steps, rows, columns in grids)),)

    @property
    def layout_tokens(self) -> int:
        """Learned layout embeddings that `layout` refers to."""
        return 0

    @property
    def marks(self) -> tuple[str, str]:
        """What a chat template may write before and behind a video, and this layout writes itself."""
        return "", ""


@config
class View(Config):
    """Slot 1 of a model. Subclasses implement `plan`; `layout` changes only where tokens are dropped, added or tagged.

    `fill` is the colour of sheets around pictures, 0 … 255. Sheets that show a colour of fractions hold floats (an encoder's mean,
    which it makes zero); others hold whole values.
    """

    fill: tuple[Shade, Shade, Shade] = (255, 255, 255)
    resample: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bicubic"
    video: Footage = Footage()

    def check(self) -> None:
        if not all(0 <= value <= 255 for value in self.fill):
            raise ConfigError(f"{type(self).__name__}.fill", str(self.fill), "three values from 0 to 255")

    def plan(self, width: int, height: int, unit: Unit) -> TilePlan:
        """Picture size in px → plan. Closed form; raises DataError for sizes that the view refuses."""
        raise NotImplementedError(f"{type(self).__name__} has no plan")

    def plan_among(self, width: int, height: int, count: int, unit: Unit) -> TilePlan:
        """Plan of one of the `count` pictures of a sample. Default: the same as of a picture by itself."""
        return self.plan(width, height, unit)

    def plan_video(self, width: int, height: int, total: int, fps: float, unit: Unit) -> TilePlan:
        """Frame size in px, stored frames, frames a second → plan, as `video` says. DataError for videos that it refuses."""
        return self.video.plan(width, height, total, fps, unit)

    def layout(self, plan: TilePlan, grids: tuple[Steps, ...]) -> Layout:
        """Plan of a picture + (1, rows, columns) of visual tokens per tile → token layout. Default: every tile's in order."""
        return (np.arange(sum(steps * rows * columns for steps, rows, columns in grids)),)

    @property
    def border_fill(self) -> tuple[int, int, int]:
        """Colour of what a plan puts around a picture in its own px (`Canvas.border`), in whole values."""
        red, green, blue = map(round, self.fill)
        return red, green, blue

    @property
    def layout_tokens(self) -> int:
        """Learned layout embeddings that `layout` refers to, from −1 down (0, 1 = newline, 2 = newline and separator, ...)."""
        return 0

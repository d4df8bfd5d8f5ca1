"""Planning: what views and footage share. Sizes → refusal in the words a person reads; sizes → canvases and grids of tiles."""

import math

import numpy as np
from jaxtyping import Int64

from omma.core.errors import ConfigError, DataError, ShapeError
from omma.schema.view import NEWLINE, Canvas, Steps, Tile, TilePlan, Unit


def check_picture(width: int, height: int) -> None:
    """Picture sides in px → DataError unless both are at least 1."""
    if width < 1 or height < 1:
        raise DataError("picture", f"is {width} × {height} px", "at least 1 × 1 px")


def shown_side(view: str, size: int, unit: Unit, field: str = "size") -> int:
    """Tile side of a view and the encoder's unit → the side in px that whole patches cover.

    That is `size`, or less for an encoder made for tiles of just this size whose last pixels no patch covers (`Unit.cut`).
    ShapeError for any other size that patches do not fill.
    """
    whole = size // unit.patch * unit.patch
    if size not in (whole, unit.cut):
        fix = f"set {view}.{field} to {whole or unit.patch} or change encoder.patch"
        raise ShapeError(f"{view}.{field}", f"{size} px", f"a multiple of the encoder's patch of {unit.patch} px", fix)
    return whole


def check_side(where: str, size: int) -> None:
    """A configured side in px → ConfigError unless it is positive."""
    if size < 1:
        raise ConfigError(where, f"{size} px", "at least 1 px")


def filled(width: int, height: int) -> Canvas:
    """Sheet size → canvas that the picture fills whole, its aspect not kept."""
    return Canvas(width, height, (0, 0, width, height))


def grid_of_tiles(canvas: int, rows: int, columns: int, size: int, shown: int) -> tuple[Tile, ...]:
    """Canvas number, grid of squares of `size` px and the side shown of each → its tiles, row by row."""
    return tuple(Tile(canvas, c * size, r * size, shown, shown) for r in range(rows) for c in range(columns))


def check_aspect(width: int, height: int, most: float) -> None:
    """Picture sides in px → DataError if one is more than `most` times the other."""
    aspect = max(width, height) / min(width, height)
    if aspect > most:
        got = f"is {width} × {height} px, {aspect:.0f} times as long as wide"
        raise DataError("picture", got, f"at most {most:g} times", "crop it, or drop it in curation")


def bounded_grid(width: int, height: int, factor: int, low: int, high: int, frames: int = 1, counted: int = 1) -> tuple[int, int]:
    """Picture size → (rows, columns) of squares of `factor` px near it whose area lies between `low` and `high` px.

    Qwen-VL's `smart_resize` (transformers `models/qwen2_vl`): sides rounded to the factor; if that is too many pixels,
    both sides are divided by √(area / high) and rounded down, if too few, multiplied and rounded up. Of a video the area
    counts `frames` times (Qwen3-VL), `counted` times where it is compared with the bounds.
    """
    rows, columns = round(height / factor), round(width / factor)
    area = counted * (rows * factor) * (columns * factor)
    if area > high:
        shrink = math.sqrt((frames * height * width) / high)
        return max(1, math.floor(height / shrink / factor)), max(1, math.floor(width / shrink / factor))
    if area < low:
        grow = math.sqrt(low / (frames * height * width))
        return math.ceil(height * grow / factor), math.ceil(width * grow / factor)
    return rows, columns


def paired(frames: int, temporal: int) -> int:
    """Seen frames → frames of whole time steps, the last one perhaps filled up."""
    return -(-frames // temporal) * temporal


def mosaic(tile_rows: int, tile_columns: int, rows: int, columns: int) -> Int64[np.ndarray, "r c"]:
    """Grid of tiles + token grid of each → which token, counted tile by tile, stands where on the map of all."""
    by_tile = np.arange(tile_rows * tile_columns * rows * columns).reshape(tile_rows, tile_columns, rows, columns)
    return by_tile.transpose(0, 2, 1, 3).reshape(tile_rows * rows, tile_columns * columns)


def with_newlines(index: Int64[np.ndarray, "r c"]) -> Int64[np.ndarray, "n"]:
    """Token map → its tokens row by row, a NEWLINE behind each row."""
    return np.concatenate([index, np.full((len(index), 1), NEWLINE)], axis=1).ravel()


def check_grids(where: str, plan: TilePlan, grids: tuple[Steps, ...], detail: slice) -> None:
    """Token grids → ShapeError unless there is one per tile and those of the detail tiles are equal."""
    if len(grids) != len(plan.tiles) or len(set(grids[detail])) > 1:
        raise ShapeError(f"{where}.layout", f"grids {grids}", f"{len(plan.tiles)}, the detail tiles' all equal")

"""Planning: what the views share. Sizes → refusal in the words a person reads; sizes → canvases and grids of tiles."""

from omma.core.errors import ConfigError, DataError, ShapeError
from omma.schema.view import Canvas, Tile, Unit


def check_picture(width: int, height: int) -> None:
    """Picture sides in px → DataError unless both are at least 1."""
    if width < 1 or height < 1:
        raise DataError("picture", f"is {width} × {height} px", "at least 1 × 1 px")


def check_tile(view: str, size: int, unit: Unit) -> None:
    """Tile side of a view and the encoder's unit → ShapeError unless whole patches fill the tile."""
    if size % unit.patch:
        fix = f"set {view}.size to {size // unit.patch * unit.patch or unit.patch} or change encoder.patch"
        raise ShapeError(f"{view}.size", f"{size} px", f"a multiple of the encoder's patch of {unit.patch} px", fix)


def check_side(where: str, size: int) -> None:
    """A configured side in px → ConfigError unless it is positive."""
    if size < 1:
        raise ConfigError(where, f"{size} px", "at least 1 px")


def filled(width: int, height: int) -> Canvas:
    """Sheet size → canvas that the picture fills whole, its aspect not kept."""
    return Canvas(width, height, (0, 0, width, height))


def grid_of_tiles(canvas: int, rows: int, columns: int, size: int) -> tuple[Tile, ...]:
    """Canvas number and grid → its tiles, row by row."""
    return tuple(Tile(canvas, c * size, r * size, size, size) for r in range(rows) for c in range(columns))

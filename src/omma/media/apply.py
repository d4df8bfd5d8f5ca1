"""Apply: upright picture + its plan → the tiles that the encoder sees, and tiles ↔ patches. Sizes come from the plan."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from omma.core.errors import ShapeError
from omma.schema.view import Canvas, Tile, TilePlan, View


def apply(view: View, image: UInt8[np.ndarray, "h w 3"], plan: TilePlan) -> list[Shaped[np.ndarray, "th tw 3"]]:
    """Upright RGB picture + plan of its size → tiles in the plan's order. ShapeError if the plan is of another size.

    Tiles are uint8; those of a sheet with a colour of fractions around the picture are float32.
    """
    sheets = _sheets(view, image, plan)
    return [_window(sheets, tile) for tile in plan.tiles]


def apply_clip(
    view: View, frames: Sequence[UInt8[np.ndarray, "h w 3"]], plan: TilePlan
) -> list[list[Shaped[np.ndarray, "th tw 3"]]]:
    """The frames of a plan's clip → for each tile its frames in order. ShapeError if a frame is of another size."""
    if len(frames) != len(plan.clip.frames):
        raise ShapeError("apply", f"{len(frames)} frames", f"{len(plan.clip.frames)} as planned")
    sheets = [_sheets(view, frame, plan) for frame in frames]
    last = len(frames) - 1
    return [[_window(sheets[min(tile.first + i, last)], tile) for i in range(tile.frames)] for tile in plan.tiles]


def patchify(tile: Shaped[np.ndarray, "th tw 3"], patch: int) -> Shaped[np.ndarray, "P C"]:
    """Tile + patch side → patches row by row, the values of each in (channel, row, column) order as a Conv2d weight flattens."""
    height, width, channels = tile.shape
    if height % patch or width % patch:
        raise ShapeError("patchify", f"tile of {width} × {height} px", f"multiples of the patch of {patch} px")
    blocks = tile.reshape(height // patch, patch, width // patch, patch, channels)
    return blocks.transpose(0, 2, 4, 1, 3).reshape(-1, channels * patch * patch)


def unpatchify(patches: Shaped[np.ndarray, "P C"], rows: int, columns: int, patch: int) -> Shaped[np.ndarray, "th tw 3"]:
    """Patches + their grid → the tile; inverse of `patchify`. ShapeError if the numbers do not fit."""
    if patches.shape != (rows * columns, 3 * patch * patch):
        raise ShapeError("unpatchify", f"patches of shape {patches.shape}", f"({rows * columns}, {3 * patch * patch})")
    blocks = patches.reshape(rows, columns, 3, patch, patch)
    return blocks.transpose(0, 3, 1, 4, 2).reshape(rows * patch, columns * patch, 3)


def _sheets(view: View, image: np.ndarray, plan: TilePlan) -> list[np.ndarray]:
    if image.shape != (plan.height, plan.width, 3) or image.dtype != np.uint8:
        got = f"picture of shape {image.shape} {image.dtype}"
        fix = "measure and decode the same bytes; a picture that changed after curation must be curated again"
        raise ShapeError("apply", got, f"({plan.height}, {plan.width}, 3) uint8 as planned", fix)
    picture = Image.fromarray(image)
    return [_sheet(view, picture, canvas) for canvas in plan.canvases]


def _window(sheets: list[np.ndarray], tile: Tile) -> np.ndarray:
    sheet = sheets[tile.canvas]
    return np.ascontiguousarray(sheet[tile.y0 : tile.y0 + tile.height, tile.x0 : tile.x0 + tile.width])


def _sheet(view: View, picture: Image.Image, canvas: Canvas) -> np.ndarray:
    resample = Image.Resampling[view.resample.upper()]
    x0, y0, x1, y1 = canvas.content
    content = _bordered(picture, canvas.border, view.border_fill).resize((x1 - x0, y1 - y0), resample)
    if content.size == (canvas.width, canvas.height):
        return np.asarray(content)
    whole = all(float(value).is_integer() for value in view.fill)
    sheet = np.empty((canvas.height, canvas.width, 3), np.uint8 if whole else np.float32)
    sheet[:] = view.fill
    sheet[y0:y1, x0:x1] = np.asarray(content)
    return sheet


def _bordered(picture: Image.Image, border: tuple[int, int, int, int], fill: tuple[int, int, int]) -> Image.Image:
    left, top, right, bottom = border
    if not any(border):
        return picture
    sheet = Image.new("RGB", (picture.width + left + right, picture.height + top + bottom), fill)
    sheet.paste(picture, (left, top))
    return sheet

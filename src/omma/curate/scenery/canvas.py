"""Canvas: a scene → RGB picture with soft edges, and the boxes that its shapes fill. Handwriting is real, from scikit-learn."""

import importlib.util
import math
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from omma.core.errors import DataError
from omma.curate.scenery.scene import COLOURS, Number, Scene, Shape

FINE = 8  # masks are drawn this many times larger and shrunk: soft edges
INK = (35, 35, 45)
HELD_OUT_SHARE = 0.25  # of the handwritten digits
TURN, LEAN, SHIFT = 0.12, 0.1, 0.03  # how far hands differ: radians, slope, share of a side (standard deviations)
STRETCH = (0.85, 1.1)


@cache
def handwriting(heldout: bool) -> tuple[tuple[UInt8[np.ndarray, "8 8"], ...], ...]:
    """For each digit 0 to 9 its handwritten pictures (ink 0 to 255): those of the training or of the held-out share."""
    table = np.loadtxt(_digits_file(), delimiter=",", dtype=np.int64)  # a row: 64 values of ink 0 to 16, then the digit
    pictures, targets = (table[:, :64].reshape(-1, 8, 8) * 255 // 16).astype(np.uint8), table[:, 64]
    chosen: list[tuple[UInt8[np.ndarray, "8 8"], ...]] = []
    for digit in range(10):
        mine = [picture for picture, target in zip(pictures, targets, strict=True) if target == digit]
        edge = round(len(mine) * HELD_OUT_SHARE)
        chosen.append(tuple(mine[:edge] if heldout else mine[edge:]))
    return tuple(chosen)


def _digits_file() -> Path:
    """Where scikit-learn keeps its handwritten digits; it is found, not imported, which would take seconds."""
    spec = importlib.util.find_spec("sklearn")
    file = Path(spec.origin if spec and spec.origin else "").parent / "datasets/data/digits.csv.gz"
    if not file.is_file():
        fix = "pip install 'omma[demo]'"
        raise DataError("scenes", "scikit-learn's handwritten digits are not installed", "scikit-learn 1.x", fix)
    return file


def paint(scene: Scene, written: tuple[Image.Image, ...]) -> Image.Image:
    """Scene + one ink mask for each digit of its number → picture."""
    image = Image.new("RGB", (scene.size, scene.size), scene.background)
    for shape in scene.shapes:
        image.paste(COLOURS[shape.colour], (shape.x0, shape.y0), mask(shape.shape, shape.side))
    for number in scene.numbers:
        for i, ink in enumerate(written):
            image.paste(INK, (number.x0 + i * number.side, number.y0), ink)
    return image


def ink(picture: UInt8[np.ndarray, "8 8"], number: Number, hand: Random | None = None) -> Image.Image:
    """Handwritten digit → mask of its ink as large as the number's digits; written a little differently by every `hand`."""
    side = number.side
    mask = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    if hand is None:
        return mask
    turn, lean, stretch = hand.gauss(0, TURN), hand.gauss(0, LEAN), hand.uniform(*STRETCH)
    across = np.array([[math.cos(turn), math.sin(turn) + lean], [-math.sin(turn), math.cos(turn)]]) / stretch
    middle = (side - 1) / 2
    start = middle - across @ (middle + np.array([hand.gauss(0, SHIFT), hand.gauss(0, SHIFT)]) * side)
    affine = (*across[0], start[0], *across[1], start[1])
    return mask.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)


def box(shape: Shape) -> tuple[int, int, int, int]:
    """Shape → the px it fills at least half, xyxy."""
    left, top, right, bottom = _extent(shape.shape, shape.side)
    return shape.x0 + left, shape.y0 + top, shape.x0 + right, shape.y0 + bottom


@cache
def mask(shape: str, side: int) -> Image.Image:
    """Name of a shape + its side px → coverage of each pixel."""
    large = Image.new("L", (side * FINE, side * FINE), 0)
    end = side * FINE - 1
    draw = ImageDraw.Draw(large)
    if shape == "circle":
        draw.ellipse((0, 0, end, end), fill=255)
    else:
        draw.polygon([(x * end, y * end) for x, y in OUTLINES[shape]], fill=255)
    return large.resize((side, side), Image.Resampling.BOX)


@cache
def _extent(shape: str, side: int) -> tuple[int, int, int, int]:
    covered = np.asarray(mask(shape, side)) >= 128
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _star() -> list[tuple[float, float]]:
    """Five points, the inner ones at 0.42 of the radius so that the arms stay wide at 14 px."""
    corners = []
    for i in range(10):
        radius, angle = (0.53 if i % 2 == 0 else 0.23), math.pi * (i / 5 - 0.5)
        corners.append((0.5 + radius * math.cos(angle), 0.53 + radius * math.sin(angle)))
    return corners


OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "triangle": [(0.5, 0), (1, 1), (0, 1)],
    "star": _star(),
    "cross": [
        *((0.33, 0), (0.67, 0), (0.67, 0.33), (1, 0.33), (1, 0.67), (0.67, 0.67)),
        *((0.67, 1), (0.33, 1), (0.33, 0.67), (0, 0.67), (0, 0.33), (0.33, 0.33)),
    ],
}

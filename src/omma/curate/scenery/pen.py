"""Pen: lines, areas and words in px → a smooth picture, the same bytes on every machine.

Everything is drawn `SCALE` times as large and then averaged. Words are set in DejaVu as it ships with matplotlib, which has
Latin, Greek, Cyrillic, Armenian and Georgian letters; laid out plainly, so that no installed library changes them.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

SCALE = 3
Colour = tuple[int, int, int]
Point = tuple[float, float]
BLACK: Colour = (25, 25, 25)
WHITE: Colour = (255, 255, 255)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    file = Path(matplotlib.get_data_path()) / "fonts/ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


class Pen:
    """Draws on a ground of `width` x `height` px; all lengths are px of the finished picture."""

    def __init__(self, width: int, height: int, ground: Colour = WHITE) -> None:
        self.size = (width, height)
        self.sheet = Image.new("RGB", (width * SCALE, height * SCALE), ground)
        self.draw = ImageDraw.Draw(self.sheet)

    def line(self, points: Sequence[Point], colour: Colour = BLACK, width: float = 2) -> None:
        """Open line through the points."""
        self.draw.line(_scaled(points), fill=colour, width=max(1, round(width * SCALE)), joint="curve")

    def polygon(self, points: Sequence[Point], fill: Colour | None = None, outline: Colour | None = None, width: float = 2) -> None:
        """Closed area, filled, outlined or both."""
        if fill is not None:
            self.draw.polygon(_scaled(points), fill=fill)
        if outline is not None:
            self.line([*points, points[0], points[1]], outline, width)

    def box(self, box: Sequence[float], fill: Colour | None = None, outline: Colour | None = None, width: float = 2) -> None:
        """Upright rectangle, xyxy px."""
        x0, y0, x1, y1 = box
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill, outline, width)

    def circle(
        self, centre: Point, radius: float, fill: Colour | None = None, outline: Colour | None = None, width: float = 2
    ) -> None:
        """Disc, ring or both."""
        (x, y), r = centre, radius
        place = [v * SCALE for v in (x - r, y - r, x + r, y + r)]
        self.draw.ellipse(place, fill=fill, outline=outline, width=max(1, round(width * SCALE)))

    def slice(self, centre: Point, radius: float, start: float, end: float, fill: Colour) -> None:
        """Slice of a pie between two angles in degrees, clockwise from three o'clock."""
        (x, y), r = centre, radius
        self.draw.pieslice([v * SCALE for v in (x - r, y - r, x + r, y + r)], start, end, fill=fill, outline=WHITE, width=SCALE)

    def text(
        self, at: Point, words: str, size: int, colour: Colour = BLACK, anchor: str = "mm", font: str = "DejaVuSans"
    ) -> tuple[float, float, float, float]:
        """Words with letters `size` px high at a point that `anchor` (Pillow's two letters) describes → their ink, xyxy px."""
        place, face = (at[0] * SCALE, at[1] * SCALE), _font(font, size * SCALE)
        self.draw.text(place, words, fill=colour, font=face, anchor=anchor)
        x0, y0, x1, y1 = self.draw.textbbox(place, words, font=face, anchor=anchor)
        return (x0 / SCALE, y0 / SCALE, x1 / SCALE, y1 / SCALE)

    def span(self, words: str, size: int, font: str = "DejaVuSans") -> float:
        """How wide words are, px."""
        return float(_font(font, size * SCALE).getlength(words)) / SCALE

    def picture(self) -> Image.Image:
        """The finished picture, RGB."""
        return self.sheet.reduce(SCALE)


def _scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]

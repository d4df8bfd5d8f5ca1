"""Visual prompts: a picture and a place in it → the picture with a mark on the place, and the words for the mark.

Eight shapes in nine colours, blended onto the pixels, with the alphas and sizes of ViP-LLaVA (WisconsinAIVision/ViP-LLaVA):
alpha 96 to 255 (mask 48 to 128); lines 2 to 8 px (arrows 1 to 6, scribbles 2 to 12, contours 1 to 2), points of radius 5 to 20, all
times the longer side / 336; ellipses 1 to 1.5 times the box. The nine names of colours are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from omma.core.errors import DataError
from omma.schema.sample import Answer, Media, Part, Region, Sample, Turn

VERSION = "1"
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 200, 0),
    "blue": (0, 60, 255),
    "yellow": (255, 235, 0),
    "orange": (255, 140, 0),
    "purple": (150, 0, 200),
    "pink": (255, 105, 180),
    "cyan": (0, 220, 230),
    "white": (255, 255, 255),
}
SHAPES = ("rectangle", "ellipse", "triangle", "point", "scribble", "contour", "mask", "arrow")
OUTLINED = ("contour", "mask")  # which need a polygon
WIDTHS = {"arrow": (1, 6), "scribble": (2, 12), "contour": (1, 2)}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A shape and colour, and its name in a question: "the red arrow"."""

    shape: str
    colour: str

    @property
    def words(self) -> str:
        """How a question names it."""
        return f"the {self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Marked:
    """The picture with its marks, one for each region in order."""

    image: UInt8[np.ndarray, "h w 3"]
    marks: tuple[Mark, ...]


def mark_regions(image: UInt8[np.ndarray, "h w 3"], regions: Sequence[Region], random: Random) -> Marked:
    """Picture + up to nine regions (xyxy px; polygons where outlines are to be drawn) → the picture with a mark on each.

    Marks of one shape differ in colour. DataError for more regions than colours.
    """
    if len(regions) > len(COLOURS):
        raise DataError("mark_regions", f"{len(regions)} regions", f"at most {len(COLOURS)}, one for each colour")
    marks: list[Mark] = []
    for region, colour in zip(regions, random.sample(list(COLOURS), len(regions)), strict=True):
        shape = random.choice(SHAPES if region.polygon else [shape for shape in SHAPES if shape not in OUTLINED])
        marks.append(Mark(shape, colour))
        image = draw_mark(image, region, marks[-1], random)
    return Marked(image, tuple(marks))


def marked_questions(sample: Sample, marked: Marked, uri: str) -> tuple[Sample, ...]:
    """Sample with regions + its marked picture, to be stored as `uri` → a question for each region with a label: what is marked?

    `meta` says where it comes from: `origin`, `mark` and `parent`. DataError unless there is one mark for each region.
    """
    if len(marked.marks) != len(sample.regions):
        raise DataError(sample.id, f"{len(marked.marks)} marks for {len(sample.regions)} regions", "one for each")
    height, width = marked.image.shape[:2]
    made = []
    for i, (region, mark) in enumerate(zip(sample.regions, marked.marks, strict=True)):
        if region.label:
            question = Turn("user", (Part("image", index=0), Part("text", f"What is marked by {mark.words}?")))
            turns = (question, Turn("assistant", (Part("text", region.label),)))
            meta = sample.meta | {"origin": f"visual_prompts-{VERSION}", "mark": mark.words, "parent": sample.id}
            media, answer = (Media(uri, width=width, height=height),), Answer((region.label,))
            made.append(Sample(f"{sample.id}#mark:{i}", sample.source, "marked", media, turns, answer=answer, meta=meta))
    return tuple(made)


def draw_mark(image: UInt8[np.ndarray, "h w 3"], region: Region, mark: Mark, random: Random) -> UInt8[np.ndarray, "h w 3"]:
    """Picture + one region and mark → a copy with the mark blended in; pixels elsewhere stay as they are."""
    _check(region, mark)
    ground = Image.fromarray(image).convert("RGBA")
    alpha = random.randint(48, 128) if mark.shape == "mask" else random.randint(96, 255)
    layer = Image.new("RGBA", ground.size, (*COLOURS[mark.colour], 0))
    scale = max(ground.size) / 336
    width = max(1, round(random.uniform(*WIDTHS.get(mark.shape, (2, 8))) * scale))
    _Brush(ImageDraw.Draw(layer), (*COLOURS[mark.colour], alpha), width, scale, random).draw(mark.shape, region)
    return np.array(Image.alpha_composite(ground, layer).convert("RGB"))


def _check(region: Region, mark: Mark) -> None:
    if mark.shape not in SHAPES or mark.colour not in COLOURS:
        raise DataError("mark", f"{mark.colour} {mark.shape}", f"one of {', '.join(SHAPES)} in one of {', '.join(COLOURS)}")
    if (region.order, region.frame) != ("xyxy", "px"):
        raise DataError("region", f"{region.order} in {region.frame}", "a box of xyxy in px")
    if mark.shape in OUTLINED and not region.polygon:
        raise DataError("region", "no polygon", f"one, which a {mark.shape} follows")


@dataclass(frozen=True, slots=True)
class _Brush:
    """Draws shapes on a layer in one colour and width."""

    pen: ImageDraw.ImageDraw
    ink: tuple[int, ...]
    width: int
    scale: float
    random: Random

    def draw(self, shape: str, region: Region) -> None:
        """Shape → ink about the region."""
        rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in region.polygon]
        if shape == "mask":
            for ring in rings:
                self.pen.polygon(ring, fill=self.ink)
        elif shape == "contour":
            for ring in rings:
                self.pen.line([*ring, ring[0]], fill=self.ink, width=self.width)
        else:
            getattr(self, shape)(region.box)

    def rectangle(self, box: tuple[float, float, float, float]) -> None:
        """The box itself."""
        self.pen.rectangle(box, outline=self.ink, width=self.width)

    def ellipse(self, box: tuple[float, float, float, float]) -> None:
        """About the middle of the box, 1 to 1.5 times its sides."""
        ratio = self.random.uniform(1, 1.5)
        (x, y), (w, h) = _middle(box), _sides(box)
        rx, ry = ratio * w / 2, ratio * h / 2
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), outline=self.ink, width=self.width)

    def triangle(self, box: tuple[float, float, float, float]) -> None:
        """Upright, as wide as the box below and as high."""
        x0, y0, x1, y1 = box
        tip = (self.random.uniform(x0, x1), y0)
        self.pen.line([(x0, y1), tip, (x1, y1), (x0, y1), tip], fill=self.ink, width=self.width)

    def point(self, box: tuple[float, float, float, float]) -> None:
        """A disc in the middle of the box."""
        (x, y), r = _middle(box), self.random.uniform(5, 20) * self.scale
        self.pen.ellipse((x - r, y - r, x + r, y + r), fill=self.ink)

    def scribble(self, box: tuple[float, float, float, float]) -> None:
        """A curve through points within the box (cubic Bézier pieces)."""
        x0, y0, x1, y1 = box
        knots = [(self.random.uniform(x0, x1), self.random.uniform(y0, y1)) for _ in range(7)]
        self.pen.line([*_bezier(knots[:4]), *_bezier(knots[3:])], fill=self.ink, width=self.width)

    def arrow(self, box: tuple[float, float, float, float]) -> None:
        """From somewhere around to the middle of the box, 0.8 of its shorter side long up to 50 px (scaled)."""
        (x, y), short = _middle(box), min(_sides(box))
        long = self.random.uniform(min(0.8 * short, 50 * self.scale), 50 * self.scale)
        turn = self.random.uniform(0, 2 * pi)
        self.pen.line([(x + long * cos(turn), y + long * sin(turn)), (x, y)], fill=self.ink, width=self.width)
        head = max(0.3 * long, 2.5 * self.width)
        wings = [(x + head * cos(turn + lean), y + head * sin(turn + lean)) for lean in (-0.5, 0.5)]
        self.pen.polygon([(x, y), *wings], fill=self.ink)


def _middle(box: tuple[float, float, float, float]) -> Point:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def _sides(box: tuple[float, float, float, float]) -> Point:
    return (box[2] - box[0], box[3] - box[1])


def _bezier(knots: Sequence[Point]) -> list[Point]:
    """Four knots → points of the cubic, dense enough that lines between them look bent."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = knots
    steps = max(8, round(hypot(dx - ax, dy - ay) / 4))
    shares = [i / steps for i in range(steps + 1)]
    return [
        (
            (1 - t) ** 3 * ax + 3 * (1 - t) ** 2 * t * bx + 3 * (1 - t) * t**2 * cx + t**3 * dx,
            (1 - t) ** 3 * ay + 3 * (1 - t) ** 2 * t * by + 3 * (1 - t) * t**2 * cy + t**3 * dy,
        )
        for t in shares
    ]

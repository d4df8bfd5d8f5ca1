"""Shapes: a name, a place and a radius → the corners of an outline; names and colours that are told apart at a glance."""

from math import cos, pi, sin
from random import Random

from omma.curate.scenery.pen import Colour, Point

COLOURS: dict[str, Colour] = {
    "red": (214, 39, 40),
    "green": (44, 160, 44),
    "blue": (31, 90, 200),
    "yellow": (240, 200, 20),
    "purple": (130, 60, 170),
    "orange": (250, 130, 20),
    "black": (30, 30, 30),
}
SIDES = {"triangle": 3, "square": 4, "pentagon": 5, "circle": 48}
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "pentagon")
Kind = tuple[str, str]  # colour and shape


def kinds(random: Random, count: int) -> list[Kind]:
    """That many different coloured shapes."""
    every = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    return random.sample(every, count)


def named(kind: Kind) -> str:
    """Kind → its name with an article."""
    article = "an" if kind[0][0] in "aeiou" else "a"
    return f"{article} {kind[0]} {kind[1]}"


def outline(shape: str, centre: Point, radius: float) -> list[Point]:
    """Shape → corners, px, inside the circle of that radius about the centre."""
    x, y = centre
    if shape == "star":
        spokes = [(radius if i % 2 == 0 else 0.45 * radius, pi * i / 5) for i in range(10)]
        return [(x + r * sin(turn), y - r * cos(turn)) for r, turn in spokes]
    if shape == "cross":
        a, b = 0.33 * radius, 0.94 * radius
        plus = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)]
        return [(x + dx, y + dy) for dx, dy in plus]
    if shape == "heart":
        turns = [2 * pi * i / 40 for i in range(40)]
        curve = [(16 * sin(t) ** 3, -(13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t))) for t in turns]
        return [(x + radius * dx / 17, y + radius * dy / 17) for dx, dy in curve]
    sides = SIDES[shape]
    lead = pi / 4 if shape == "square" else 0.0
    turns = [lead + 2 * pi * i / sides for i in range(sides)]
    return [(x + radius * sin(turn), y - radius * cos(turn)) for turn in turns]


def around(points: list[Point]) -> tuple[float, float, float, float]:
    """Corners → the box about them, xyxy."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys))

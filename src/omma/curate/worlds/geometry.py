"""Geometry: a figure with lettered points → questions of angles, lengths, triangles, quadrilaterals, circles and parallels.

The kinds of question are those of VisOnlyQA (psunlpgroup/VisOnlyQA, synthetic figures), drawn and worded here anew. What is
not exactly so is clearly not so: other angles differ by 15 degrees, other lengths by a quarter.
"""

from collections.abc import Callable
from math import cos, pi, radians, sin
from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page
from omma.curate.scenery.pen import Colour, Pen, Point

ANGLES = (30, 45, 60, 90, 120, 150)
TRIANGLES = ("equilateral", "isosceles", "right", "scalene")
QUADRILATERALS = ("square", "rectangle", "rhombus", "parallelogram", "trapezoid", "kite")
LINES = ("tangent", "secant", "apart")
INK: tuple[Colour, ...] = ((25, 25, 25), (20, 60, 150), (150, 30, 40), (20, 100, 60))

# Corners about the origin, y up; every figure is then turned, scaled and put in the middle.
_H = 3**0.5 / 2
FIGURES: dict[str, tuple[Point, ...]] = {
    "equilateral": ((-0.5, 0), (0.5, 0), (0, _H)),
    "isosceles": ((-0.32, 0), (0.32, 0), (0, 1.0)),
    "right": ((0, 0), (1.0, 0), (0, 0.62)),
    "scalene": ((0, 0), (1.05, 0), (0.35, 0.38)),
    "square": ((0, 0), (0.8, 0), (0.8, 0.8), (0, 0.8)),
    "rectangle": ((0, 0), (1.1, 0), (1.1, 0.55), (0, 0.55)),
    "rhombus": ((0, -0.62), (0.36, 0), (0, 0.62), (-0.36, 0)),
    "parallelogram": ((0, 0), (0.9, 0), (1.25, 0.5), (0.35, 0.5)),
    "trapezoid": ((0, 0), (1.15, 0), (0.8, 0.55), (0.3, 0.55)),
    "kite": ((0, -0.75), (0.38, 0), (0, 0.35), (-0.38, 0)),
}


@config
class Geometry(Album):
    """One figure a page, `size` px a side. Tasks: angle, length, triangle, quadrilateral, circle, parallel."""

    folder: str = "geometry"
    size: int = 320

    def check(self) -> None:
        Album.check(self)
        if not 160 <= self.size <= 1024:
            raise ConfigError("Geometry.size", str(self.size), "160 to 1024 px: letters of smaller figures cannot be read")

    def page(self, random: Random, number: int) -> Page:
        """The task and the answer whose turn it is."""
        tasks: tuple[Callable[[Pen, Random, int], Asked], ...] = (_angle, _length, _triangle, _quadrilateral, _circle, _parallel)
        pen = Pen(self.size, self.size)
        asked = tasks[number % len(tasks)](pen, random, number // len(tasks))
        return Page(pen.picture(), (asked,))


def _angle(pen: Pen, random: Random, turn: int) -> Asked:
    angle = ANGLES[turn % len(ANGLES)]
    size, start = pen.size[0], random.uniform(0, 360)
    arms = [random.uniform(0.62, 0.8) * size / 2 for _ in "AC"]
    way = [radians(start), radians(start + angle)]
    points = [(arm * cos(t), -arm * sin(t)) for arm, t in zip(arms, way, strict=True)]
    a, b, c = _middled([points[0], (0, 0), points[1]], size)
    letters = random.sample("ABCDEFGHKLMNPQRST", 3)
    _figure(pen, [a, b, c], letters, random, closed=False)
    words = f"How large is the angle {''.join(letters)}?"
    return Asked("angle", words, f"{angle}°", f"{angle}", choices=tuple(f"{choice}°" for choice in ANGLES))


def _length(pen: Pen, random: Random, turn: int) -> Asked:
    size = pen.size[0]
    factor = random.uniform(1.25, 1.8)
    short = size * random.uniform(0.28, 0.42)
    lengths = (short * factor, short) if turn % 2 == 0 else (short, short * factor)
    letters = random.sample("ABCDEFGHKLMNPQRST", 4)
    for i, long in enumerate(lengths):
        t = random.uniform(-0.32, 0.32)  # rather flat, so that one lies above the other
        dx, dy = long * cos(t) / 2, long * sin(t) / 2
        middle = (size / 2 + random.uniform(-0.06, 0.06) * size, size * (0.28, 0.72)[i])
        ends = [(middle[0] - dx, middle[1] - dy), (middle[0] + dx, middle[1] + dy)]
        _figure(pen, ends, letters[2 * i : 2 * i + 2], random, closed=False)
    names = "".join(letters[:2]), "".join(letters[2:])
    answer = names[turn % 2]
    return Asked("length", f"Which is longer, {names[0]} or {names[1]}?", answer, ("first", "second")[turn % 2], choices=names)


def _triangle(pen: Pen, random: Random, turn: int) -> Asked:
    kind = TRIANGLES[turn % len(TRIANGLES)]
    name = _placed(pen, random, kind)
    return Asked("triangle", f"What kind of triangle is {name}?", kind, kind, choices=TRIANGLES)


def _quadrilateral(pen: Pen, random: Random, turn: int) -> Asked:
    kind = QUADRILATERALS[turn % len(QUADRILATERALS)]
    name = _placed(pen, random, kind)
    words = f"Which word fits the quadrilateral {name} most exactly?"
    return Asked("quadrilateral", words, kind, kind, choices=QUADRILATERALS)


def _circle(pen: Pen, random: Random, turn: int) -> Asked:
    """A circle and a line at a distance from its centre: at the radius, well inside it, or well outside."""
    kind = LINES[turn % len(LINES)]
    size = pen.size[0]
    radius = size * random.uniform(0.16, 0.22)
    away = radius * {"tangent": 1.0, "secant": random.uniform(0.2, 0.7), "apart": random.uniform(1.3, 1.6)}[kind]
    t = random.uniform(0, 2 * pi)
    centre = (size / 2 - 0.4 * away * cos(t), size / 2 - 0.4 * away * sin(t))
    foot = (centre[0] + away * cos(t), centre[1] + away * sin(t))
    half = 0.3 * size
    ends = [(foot[0] - half * sin(t), foot[1] + half * cos(t)), (foot[0] + half * sin(t), foot[1] - half * cos(t))]
    colour = random.choice(INK)
    pen.circle(centre, radius + 1, outline=colour, width=2)
    pen.circle(centre, 2.5, fill=colour)
    letters = random.sample("ABCDEFGHKLMNPQRST", 3)
    _figure(pen, ends, letters[:2], random, closed=False)
    pen.text((centre[0] - 11, centre[1] - 11), letters[2], _letter(size))
    answers = dict(zip(LINES, ("touches it", "cuts it", "misses it"), strict=True))
    words = f"Does the line {''.join(letters[:2])} touch, cut or miss the circle about {letters[2]}?"
    return Asked("circle", words, answers[kind], kind, choices=tuple(answers.values()))


def _parallel(pen: Pen, random: Random, turn: int) -> Asked:
    size, even = pen.size[0], turn % 2 == 0
    base = random.uniform(-0.5, 0.5)
    tilts = (base, base if even else base + random.choice((-1, 1)) * radians(random.uniform(15, 25)))
    letters = random.sample("ABCDEFGHKLMNPQRST", 4)
    for i, t in enumerate(tilts):
        half = size * random.uniform(0.24, 0.34)
        middle = (size / 2, size * (0.3, 0.7)[i])
        ends = [(middle[0] - half * cos(t), middle[1] - half * sin(t)), (middle[0] + half * cos(t), middle[1] + half * sin(t))]
        _figure(pen, ends, letters[2 * i : 2 * i + 2], random, closed=False)
    answer = "yes" if even else "no"
    return Asked("parallel", f"Are {''.join(letters[:2])} and {''.join(letters[2:])} parallel?", answer, answer)


def _placed(pen: Pen, random: Random, kind: str) -> str:
    """Draw a figure turned and mirrored at random → its name by its letters."""
    size = pen.size[0]
    t, mirror = random.uniform(0, 2 * pi), random.choice((-1, 1))
    turned = [(mirror * x * cos(t) - y * sin(t), mirror * x * sin(t) + y * cos(t)) for x, y in FIGURES[kind]]
    reach = max(max(abs(x - u), abs(y - v)) for x, y in turned for u, v in turned)
    scale = size * random.uniform(0.5, 0.66) / reach
    points = _middled([(x * scale, -y * scale) for x, y in turned], size)
    letters = random.sample("ABCDEFGHKLMNPQRST", len(points))
    _figure(pen, points, letters, random, closed=True)
    return "".join(letters)


def _middled(points: list[Point], size: int) -> list[Point]:
    """Points → the same with the middle of their box in the middle of the page."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    dx, dy = (size - min(xs) - max(xs)) / 2, (size - min(ys) - max(ys)) / 2
    return [(x + dx, y + dy) for x, y in points]


def _figure(pen: Pen, points: list[Point], letters: list[str] | str, random: Random, *, closed: bool) -> None:
    """Lines between points, with dots and letters outside of the figure."""
    colour = random.choice(INK)
    pen.line([*points, points[0], points[1]] if closed else points, colour, 2.5)
    size = pen.size[0]
    cx, cy = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    for (x, y), letter in zip(points, letters, strict=True):
        pen.circle((x, y), 3, fill=colour)
        dx, dy = x - cx, y - cy
        reach = max(1e-9, (dx * dx + dy * dy) ** 0.5)
        pen.text((x + dx / reach * 0.05 * size, y + dy / reach * 0.05 * size), letter, _letter(size))


def _letter(size: int) -> int:
    return max(10, size // 20)

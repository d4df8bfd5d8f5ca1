"""Anomalies: regular textures, half of them with one planted defect → questions of whether, what and where, with masks."""

from math import cos, pi, sin
from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import Colour, Pen, Point
from omma.curate.scenery.shapes import around

TEXTURES = ("stripes", "checks", "dots", "weave", "bricks")
DEFECTS = ("scratch", "stain", "hole", "patch")
INKS: dict[str, Colour] = {"stain": (95, 60, 25), "hole": (8, 8, 8), "patch": (245, 245, 245)}
PAIRS: tuple[tuple[Colour, Colour], ...] = (
    ((150, 165, 185), (120, 138, 162)),
    ((178, 160, 140), (150, 130, 112)),
    ((140, 168, 140), (112, 142, 115)),
    ((170, 145, 165), (142, 118, 140)),
)


@config
class Anomalies(Album):
    """Textures `size` px a side. Tasks: defect, kind, texture, locate; `masks/` holds a mask for each defect."""

    folder: str = "anomalies"
    size: int = 256

    def check(self) -> None:
        Album.check(self)
        if not 128 <= self.size <= 1024:
            raise ConfigError("Anomalies.size", str(self.size), "128 to 1024 px: smaller defects cannot be seen")

    def page(self, random: Random, number: int) -> Page:
        """A texture, whole or with a defect in turn."""
        texture, kind = TEXTURES[number // 2 % len(TEXTURES)], DEFECTS[number // 2 % len(DEFECTS)]
        pen = Pen(self.size, self.size)
        _weave(pen, random, texture)
        whole = number % 2 == 0
        answer = "no" if whole else "yes"
        asked = [
            Asked("defect", "Does the surface have a defect?", answer, answer),
            Asked("texture", "What is the pattern of the surface?", texture, texture, choices=TEXTURES),
        ]
        if whole:
            return Page(pen.picture(), tuple(asked), caption=f"A surface of {texture} without a defect.")
        points = _defect(random, kind, self.size)
        pen.polygon(points, INKS.get(kind) or random.choice(((250, 250, 250), (25, 25, 25))))
        box = around(points)
        asked.append(Asked("kind", "What kind of defect does the surface have?", kind, kind, choices=DEFECTS))
        asked.append(Asked("locate", "Where is the defect?", box=box, label=kind))
        return Page(pen.picture(), tuple(asked), (Thing(kind, box, tuple(points)),), f"A surface of {texture} with a {kind}.")


def _weave(pen: Pen, random: Random, texture: str) -> None:
    """Fill the page with a regular pattern of two near colours."""
    size, (light, dark) = pen.size[0], random.choice(PAIRS)
    step = random.uniform(14, 24)
    pen.box((0, 0, size, size), light)
    phase = random.uniform(0, step)
    rows = range(-1, int(size / step) + 2)
    if texture == "stripes":
        lean = random.uniform(-size / 2, size / 2)
        for i in range(-int(size / step), 2 * int(size / step)):
            x = phase + i * step
            pen.polygon([(x, 0), (x + step / 2, 0), (x + step / 2 + lean, size), (x + lean, size)], dark)
        return
    for r in rows:
        for c in rows:
            x, y = phase + c * step, phase + r * step
            if texture == "dots":
                pen.circle((x, y), step * 0.3, dark)
            elif texture == "bricks":
                left = x * 2 + (step if r % 2 else 0) - size / 2
                pen.box((left, y, left + 2 * step - 2.5, y + step - 2.5), dark)
            elif (r + c) % 2 == 0:
                inset = step * 0.22 if texture == "weave" else 0
                pen.box((x, y + inset, x + step, y + step - inset), dark)
            elif texture == "weave":
                pen.box((x + step * 0.22, y, x + step * 0.78, y + step), dark)


def _defect(random: Random, kind: str, size: int) -> list[Point]:
    """Outline of a defect that lies wholly on the page: long and thin, ragged, round, or with four corners."""
    reach = size * random.uniform(0.06, 0.12)
    if kind == "scratch":
        reach *= 2
    x, y = (random.uniform(1.25 * reach, size - 1.25 * reach) for _ in "xy")
    if kind == "scratch":
        t, thick = random.uniform(0, pi), size * random.uniform(0.008, 0.014)
        bend = random.uniform(-0.12, 0.12) * reach
        spine = [(s * reach, bend * (1 - s * s)) for s in (-1, -0.5, 0, 0.5, 1)]
        edge = [(u, v + thick) for u, v in spine] + [(u, v - thick) for u, v in reversed(spine)]
        return [(x + u * cos(t) - v * sin(t), y + u * sin(t) + v * cos(t)) for u, v in edge]
    if kind == "patch":
        t = random.uniform(0, pi / 2)
        return [(x + reach * cos(t + i * pi / 2), y + reach * sin(t + i * pi / 2)) for i in range(4)]
    rough = 0.3 if kind == "stain" else 0.0
    spokes = [reach * (1 + random.uniform(-rough, rough / 2)) for _ in range(18)]
    return [(x + r * cos(pi * i / 9), y + r * sin(pi * i / 9)) for i, r in enumerate(spokes)]

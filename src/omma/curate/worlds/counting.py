"""Counting: shapes of several kinds that may overlap → questions of how many, of which more, of pairs that touch.

Of every shape at least `MIN_SEEN` stays visible, and a box holds all of it, seen or hidden.
"""

from math import dist
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import WHITE, Pen, Point
from omma.curate.scenery.shapes import COLOURS, Kind, around, kinds, outline

MIN_SEEN = 0.6
MORE = ("first", "second", "equal")


@config
class Counting(Album):
    """Up to `most` shapes of one kind among others, `size` px a side. Tasks: count, total, more."""

    folder: str = "counting"
    most: int = 7
    size: int = 320

    def check(self) -> None:
        Album.check(self)
        if not 1 <= self.most <= 9 or not 192 <= self.size <= 1024:
            raise ConfigError("Counting.most", f"{self.most} at {self.size} px", "1 to 9 shapes of a kind, 192 to 1024 px a side")

    def page(self, random: Random, number: int) -> Page:
        """Three kinds of shapes; that of the first is there as often as its turn says, from none to `most`."""
        asked_for, second, third = kinds(random, 3)
        wanted = number % (self.most + 1)
        counts = {asked_for: wanted, second: self._second(random, number, wanted), third: random.randint(1, 3)}
        placed = self._place([kind for kind, count in counts.items() for _ in range(count)], random)
        pen = Pen(self.size, self.size, WHITE)
        things = []
        for kind, points in placed:
            pen.polygon(points, COLOURS[kind[0]], (255, 255, 255), 1.5)
            things.append(Thing(" ".join(kind), around(points)))
        names = [plural(kind) for kind in counts]
        more = MORE[0 if counts[asked_for] > counts[second] else 1 if counts[asked_for] < counts[second] else 2]
        answers = dict(zip(MORE, (names[0], names[1], "equally many"), strict=True))
        asked = [
            Asked("count", f"How many {names[0]} are there?", str(wanted), str(wanted)),
            Asked("total", "How many shapes are there in all?", str(len(placed))),
            Asked("more", f"Are there more {names[0]} or more {names[1]}?", answers[more], more, choices=tuple(answers.values())),
        ]
        return Page(pen.picture(), tuple(asked), tuple(things))

    def _second(self, random: Random, number: int, wanted: int) -> int:
        """How often the second kind is there, so that each answer to `more` has its turn."""
        turn = MORE[number // (self.most + 1) % 3]
        if turn == "equal" and wanted:
            return wanted
        fewer = turn == "first" and wanted > 1
        return random.randint(1, wanted - 1) if fewer else random.randint(wanted + 1, wanted + 2)

    def _place(self, wanted: list[Kind], random: Random) -> list[tuple[Kind, list[Point]]]:
        """Kinds → outlines in painting order, each visible enough; shapes shrink as they get many."""
        random.shuffle(wanted)
        radius = self.size * min(0.12, 0.36 / len(wanted) ** 0.5)
        for _ in range(200):
            centres: list[Point] = []
            while len(centres) < len(wanted):
                spot = (random.uniform(radius, self.size - radius), random.uniform(radius, self.size - radius))
                if all(dist(spot, other) > 1.2 * radius for other in centres):
                    centres.append(spot)
            found = [
                (kind, outline(kind[1], spot, radius * random.uniform(0.8, 1.0)))
                for kind, spot in zip(wanted, centres, strict=True)
            ]
            if min(seen([points for _, points in found], self.size)) >= MIN_SEEN:
                return found
        raise AssertionError("200 tries placed no visible shapes")


def plural(kind: Kind) -> str:
    """Kind → its name for many."""
    word = kind[1] + ("es" if kind[1].endswith("s") else "s")
    return f"{kind[0]} {word}"


def seen(outlines: list[list[Point]], size: int) -> list[float]:
    """Outlines in painting order on a square canvas → the share of each that no later one hides."""
    top = Image.new("L", (size, size))
    pen = ImageDraw.Draw(top)
    areas = []
    for i, points in enumerate(outlines, start=1):
        alone = Image.new("L", (size, size))
        ImageDraw.Draw(alone).polygon(points, fill=1)
        areas.append(int(np.asarray(alone).sum()))
        pen.polygon(points, fill=i)
    left = np.bincount(np.asarray(top).ravel(), minlength=len(outlines) + 1)[1:]
    return [int(a) / b for a, b in zip(left, areas, strict=True)]

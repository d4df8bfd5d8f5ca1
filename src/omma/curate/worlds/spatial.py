"""Spatial: a few coloured shapes on a grid → questions of direction, distance, place, steps and the shortest round.

Direction, distance and localisation are the basic skills and shortest ways the composite ones of Sparkle (its abstract; the
data and wording here are ours).
"""

from itertools import pairwise, permutations
from math import atan2, degrees, dist
from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import Pen
from omma.curate.scenery.shapes import COLOURS, Kind, around, kinds, outline

DIRECTIONS = ("right", "upper right", "above", "upper left", "left", "lower left", "below", "lower right")
MARGIN = 1.15  # what is called nearer or shorter is so by at least this factor
CLEAR = 10  # degrees that a direction may be off its name
Cell = tuple[int, int]  # row, column


@config
class Spatial(Album):
    """Four shapes on a grid of `grid` x `grid` cells, `size` px a side. Tasks: direction, distance, place, point, steps, round."""

    folder: str = "spatial"
    grid: int = 5
    size: int = 320

    def check(self) -> None:
        Album.check(self)
        if not 4 <= self.grid <= 8 or self.size < 32 * self.grid:
            raise ConfigError("Spatial.grid", f"{self.grid} at {self.size} px", "4 to 8 cells of 32 px and more a side")

    def page(self, random: Random, number: int) -> Page:
        """Four shapes; the first two lie in the direction whose turn it is."""
        cells = self._cells(random, number)
        things = dict(zip(kinds(random, 4), cells, strict=True))
        side = self.size / self.grid
        pen = Pen(self.size, self.size, (250, 250, 246))
        for i in range(1, self.grid):
            pen.line([(0, i * side), (self.size, i * side)], (205, 205, 205), 1)
            pen.line([(i * side, 0), (i * side, self.size)], (205, 205, 205), 1)
        seen = []
        for kind, (row, column) in things.items():
            corners = outline(kind[1], ((column + 0.5) * side, (row + 0.5) * side), 0.36 * side)
            pen.polygon(corners, COLOURS[kind[0]])
            seen.append(Thing(" ".join(kind), around(corners)))
        return Page(pen.picture(), self._ask(things, tuple(seen), random), tuple(seen))

    def _cells(self, random: Random, number: int) -> list[Cell]:
        wanted = DIRECTIONS[number % len(DIRECTIONS)]
        every = [(row, column) for row in range(self.grid) for column in range(self.grid)]
        while True:
            cells = random.sample(every, 4)
            if direction(cells[1], cells[0]) == wanted:
                return cells

    def _ask(self, things: dict[Kind, Cell], seen: tuple[Thing, ...], random: Random) -> tuple[Asked, ...]:
        first, second, third, fourth = things.values()
        names = [" ".join(kind) for kind in things]
        where = direction(second, first)
        asked = [Asked("direction", f"In which direction from the {names[0]} is the {names[1]}?", where, where, choices=DIRECTIONS)]
        ways = dist(first, third), dist(second, third)
        if max(ways) >= MARGIN * min(ways):
            nearer = 0 if ways[0] < ways[1] else 1
            text = f"Which is nearer to the {names[2]}: the {names[0]} or the {names[1]}?"
            asked.append(Asked("distance", text, names[nearer], ("first", "second")[nearer], choices=(names[0], names[1])))
        row, column = fourth
        text = f"In which row (from the top) and column (from the left) of the grid is the {names[3]}?"
        asked.append(Asked("place", text, f"row {row + 1}, column {column + 1}"))
        steps = abs(first[0] - fourth[0]) + abs(first[1] - fourth[1])
        text = f"How many steps from cell to neighbouring cell, none of them diagonal, lead from the {names[0]} to the {names[3]}?"
        asked.append(Asked("steps", text, str(steps)))
        goal = random.choice(seen)
        asked.append(Asked("point", f"Where is the {goal.label}?", box=goal.box, label=goal.label))
        return (*asked, *_round(list(things.items())))


def direction(there: Cell, here: Cell) -> str:
    """Cells → one of eight directions in which `there` lies from `here`, or "" where it is clearly none of them."""
    turn = degrees(atan2(here[0] - there[0], there[1] - here[1])) % 360
    away = abs((turn + 22.5) % 45 - 22.5)
    return "" if away > CLEAR else DIRECTIONS[round(turn / 45) % 8]


def _round(things: list[tuple[Kind, Cell]]) -> list[Asked]:
    """The shortest way from the first through the other three, where it is clearly the shortest."""
    (start, here), others = things[0], things[1:]
    ways = sorted((_length([here, *(cell for _, cell in order)]), i) for i, order in enumerate(permutations(others)))
    if ways[1][0] < MARGIN * ways[0][0]:
        return []
    best = list(permutations(others))[ways[0][1]]
    names = ", ".join(f"{'ABC'[i]}: {' '.join(kind)}" for i, (kind, _) in enumerate(others))
    answer = "".join("ABC"[others.index(stop)] for stop in best)
    text = (
        f"Start at the {' '.join(start)} and visit these once each on the shortest way, as the crow flies: {names}. In which order?"
    )
    return [Asked("round", text, answer, answer, choices=tuple("".join(order) for order in permutations("ABC")))]


def _length(stops: list[Cell]) -> float:
    return sum(dist(a, b) for a, b in pairwise(stops))

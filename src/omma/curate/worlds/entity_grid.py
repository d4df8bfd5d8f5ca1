"""Entity grid: cells that hold a coloured shape or nothing → questions of identity, position and relation."""

from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import Pen
from omma.curate.scenery.shapes import COLOURS, Kind, around, kinds, outline

STEPS = {"to the right of": (0, 1), "to the left of": (0, -1), "above": (-1, 0), "below": (1, 0)}
NOTHING = "nothing"
Cell = tuple[int, int]  # row, column


@config
class EntityGrid(Album):
    """A grid of `grid` x `grid` cells, about a fifth of them empty. Tasks: identity, position, relation, side, empty, point."""

    folder: str = "entity_grid"
    grid: int = 4
    cell: int = 72

    def check(self) -> None:
        Album.check(self)
        if not 2 <= self.grid <= 6 or not 24 <= self.cell <= 200:
            raise ConfigError("EntityGrid.grid", f"{self.grid} cells of {self.cell} px", "2 to 6 cells of 24 to 200 px a side")

    def page(self, random: Random, number: int) -> Page:
        """Different entities in all but a few cells."""
        cells = [(row, column) for row in range(self.grid) for column in range(self.grid)]
        empty = set(random.sample(cells, max(1, len(cells) // 5 + number % 3 - 1)))
        full = [cell for cell in cells if cell not in empty]
        held = dict(zip(full, kinds(random, len(full)), strict=True))
        side = self.grid * self.cell
        pen = Pen(side, side, (255, 253, 247))
        things = {}
        for (row, column), kind in held.items():
            points = outline(kind[1], ((column + 0.5) * self.cell, (row + 0.5) * self.cell), 0.36 * self.cell)
            pen.polygon(points, COLOURS[kind[0]])
            things[row, column] = Thing(" ".join(kind), around(points))
        for i in range(self.grid + 1):
            at = min(max(i * self.cell, 1), side - 1)
            pen.line([(0, at), (side, at)], (110, 110, 110), 2)
            pen.line([(at, 0), (at, side)], (110, 110, 110), 2)
        return Page(pen.picture(), self._ask(held, things, random), tuple(things.values()))

    def _ask(self, held: dict[Cell, Kind], things: dict[Cell, Thing], random: Random) -> tuple[Asked, ...]:
        cells = [(row, column) for row in range(self.grid) for column in range(self.grid)]
        here = random.choice(list(held))
        spot = random.choice(cells)
        label = things[here].label
        place = f"row {here[0] + 1}, column {here[1] + 1}"
        chosen = things[random.choice(list(held))]
        asked = [
            Asked("identity", f"What is in {_told(spot)}?", self._at(spot, things)),
            Asked("position", f"In which row and column is the {label}?", place),
            Asked("empty", "How many cells are empty?", str(len(cells) - len(held))),
            Asked("point", f"Where is the {chosen.label}?", box=chosen.box, label=chosen.label),
        ]
        words, step = random.choice(list(STEPS.items()))
        there = (here[0] + step[0], here[1] + step[1])
        if there in cells:
            asked.append(Asked("relation", f"What is directly {words} the {label}?", self._at(there, things)))
        a, b = random.sample(list(held), 2)
        words = random.choice(list(STEPS))
        dy, dx = STEPS[words]
        gap = (a[0] - b[0]) * dy + (a[1] - b[1]) * dx
        if gap:
            answer = "yes" if gap > 0 else "no"
            asked.append(Asked("side", f"Is the {things[a].label} {_further(words)} the {things[b].label}?", answer, answer, words))
        return tuple(asked)

    @staticmethod
    def _at(cell: Cell, things: dict[Cell, Thing]) -> str:
        return things[cell].label if cell in things else NOTHING


def _told(cell: Cell) -> str:
    return f"row {cell[0] + 1}, column {cell[1] + 1}"


def _further(words: str) -> str:
    """Words of a neighbour → words of anything on that side, whatever lies between."""
    return {"above": "in a higher row than", "below": "in a lower row than"}.get(words, f"in a column {words}")

"""Scene: a random source + what shall be counted → objects on a three by three grid, and the words for them. No pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

COLOURS = {
    "red": (214, 39, 40),
    "green": (44, 150, 60),
    "blue": (40, 90, 220),
    "yellow": (240, 205, 30),
    "purple": (145, 50, 190),
    "orange": (245, 130, 20),
}
SHAPES = ("circle", "square", "triangle", "star", "cross")
KINDS = tuple(product(COLOURS, SHAPES))  # (colour, shape)
MOST = 5  # shapes in a scene
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")
GRID = 3
SMALL, LARGE, DIGIT = 0.22, 0.28, 0.3  # sides of shapes and digits over that of the canvas: 14, 18 and 19 px of 64


@dataclass(frozen=True, slots=True)
class Theme:
    """What a scene is balanced for: it holds `count` shapes that are `word` (a colour, a shape, or "shape" for any)."""

    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A drawn object: `side` px, its corner at (x0, y0), in the cell (row, column) of the grid."""

    colour: str
    shape: str
    row: int
    column: int
    x0: int
    y0: int
    side: int

    @property
    def kind(self) -> tuple[str, str]:
        """(colour, shape): what a question calls it by."""
        return self.colour, self.shape

    @property
    def name(self) -> str:
        """Such as "red circle"."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Number:
    """One or two handwritten digits side by side, its corner at (x0, y0), beginning in the cell (row, column)."""

    digits: tuple[int, ...]
    row: int
    column: int
    x0: int
    y0: int
    side: int

    @property
    def text(self) -> str:
        """The number as it is written."""
        return "".join(map(str, self.digits))


@dataclass(frozen=True, slots=True)
class Scene:
    """`size` × `size` px of light `background` with shapes and at most one number."""

    size: int
    background: tuple[int, int, int]
    shapes: tuple[Shape, ...]
    numbers: tuple[Number, ...]
    theme: Theme

    def count(self, word: str) -> int:
        """Shapes that are of this colour or shape; of all, for "shape"."""
        return sum(word in (*shape.kind, "shape") for shape in self.shapes)

    def unique(self) -> list[Shape]:
        """Shapes that their colour and shape tell apart from all others."""
        kinds = [shape.kind for shape in self.shapes]
        return [shape for shape in self.shapes if kinds.count(shape.kind) == 1]


def themes() -> list[Theme]:
    """Every question of counting with every answer, once."""
    return [Theme(word, count) for word in (*COLOURS, *SHAPES, "shape") for count in range(1, MOST + 1)]


def compose(random: Random, size: int, theme: Theme, number_share: float) -> Scene:
    """Random source + canvas side px → scene with exactly `theme.count` shapes that are `theme.word`."""
    kinds = _kinds(random, theme)
    # An object alone looks like too many others of its kind: copies could not be told from chance.
    numbers = _numbers(random, size) if random.random() < number_share or len(kinds) == 1 else ()
    taken = {(number.row, number.column + i) for number in numbers for i in range(len(number.digits))}
    cells = [cell for cell in product(range(GRID), range(GRID)) if cell not in taken]
    random.shuffle(cells)
    shapes = [_place(random, size, kind, cell) for kind, cell in zip(kinds, cells, strict=False)]
    background = tuple(random.randrange(232, 256) for _ in range(3))
    in_order = tuple(sorted(shapes, key=lambda shape: (shape.row, shape.column)))
    return Scene(size, (background[0], background[1], background[2]), in_order, numbers, theme)


def caption(scene: Scene) -> str:
    """Scene → every object with its place, as one reads: top to bottom, left to right."""
    phrases = [(s.row, s.column, f"{article(s.name)} {place(s.row, s.column)}") for s in scene.shapes]
    phrases += [(n.row, n.column, f"the number {n.text} {_number_place(n)}") for n in scene.numbers]
    words = [phrase for _, _, phrase in sorted(phrases)]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def article(name: str) -> str:
    """ "red circle" → "a red circle"; "orange star" → "an orange star"."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def place(row: int, column: int) -> str:
    """Cell → where it is, such as "at the top left"."""
    if (row, column) == (1, 1):
        return "in the middle"
    if row == 1:
        return f"on the {COLUMNS[column]}"
    return f"at the {ROWS[row]}" if column == 1 else f"at the {ROWS[row]} {COLUMNS[column]}"


def _number_place(number: Number) -> str:
    """Two digits lie between two cells: only their row has a name."""
    return place(number.row, number.column if len(number.digits) == 1 else 1)


def _kinds(random: Random, theme: Theme) -> list[tuple[str, str]]:
    """Colours and shapes of a scene: those that are counted, then some that are not."""
    if theme.word == "shape":
        return [random.choice(KINDS) for _ in range(theme.count)]
    inside = [kind for kind in KINDS if theme.word in kind]
    outside = [kind for kind in KINDS if theme.word not in kind]
    fewest = 1 if theme.count == 1 else 0
    others = random.randint(fewest, MOST - theme.count)
    return [random.choice(inside) for _ in range(theme.count)] + [random.choice(outside) for _ in range(others)]


def _numbers(random: Random, size: int) -> tuple[Number, ...]:
    side = round(DIGIT * size)
    digits = (random.randrange(10),) if random.random() < 0.5 else (random.randrange(1, 10), random.randrange(10))
    row, column = random.randrange(GRID), random.randrange(GRID + 1 - len(digits))
    x0 = _corner(random, size, column, len(digits), side * len(digits))
    return (Number(digits, row, column, x0, _corner(random, size, row, 1, side), side),)


def _place(random: Random, size: int, kind: tuple[str, str], cell: tuple[int, int]) -> Shape:
    side = round(random.choice((SMALL, LARGE)) * size)
    x0, y0 = _corner(random, size, cell[1], 1, side), _corner(random, size, cell[0], 1, side)
    return Shape(*kind, *cell, x0, y0, side)


def _corner(random: Random, size: int, cell: int, span: int, side: int) -> int:
    """Where `side` px begin so that they stay a pixel inside `span` cells from `cell` on, as freely as there is room."""
    low, high = -(-size * cell // GRID) + 1, size * (cell + span) // GRID - 1 - side
    return random.randint(low, max(low, high))


def deck(random: Random, count: int) -> Sequence[Theme]:
    """Themes for `count` scenes, each as often as any other (but for the last round), in random order."""
    cards: list[Theme] = []
    while len(cards) < count:
        cards += random.sample(themes(), len(themes()))
    return cards[:count]

"""Documents: lines, forms, tables and scattered words in five scripts → questions that only reading answers.

Words mean nothing, so that no language model knows them. Scattered words among which some are looked for follow SMPQA
(its idea as the field names it); layouts and wordings are ours.
"""

from collections.abc import Callable
from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import Colour, Pen
from omma.curate.scenery.words import SCRIPTS, word, words

FACES = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")
GROUNDS: tuple[Colour, ...] = ((255, 255, 255), (252, 247, 232), (238, 243, 250))
RULE: Colour = (150, 150, 150)


@config
class Documents(Album):
    """One page a picture, `width` x `height` px. Tasks: read, line, field, cell, script, present, point."""

    folder: str = "documents"
    width: int = 400
    height: int = 320

    def check(self) -> None:
        Album.check(self)
        if not (360 <= self.width <= 2000 and 280 <= self.height <= 2000):
            raise ConfigError("Documents.width", f"{self.width} x {self.height} px", "360 x 280 to 2000 px a side")

    def page(self, random: Random, number: int) -> Page:
        """The layout and the script whose turn it is."""
        layouts: tuple[Callable[[Pen, Random, str, str], _Read], ...] = (_lines, _form, _table, _scattered)
        script = tuple(SCRIPTS)[number // len(layouts) % len(SCRIPTS)]
        face = random.choice(FACES)
        pen = Pen(self.width, self.height, random.choice(GROUNDS))
        asked, things, text = layouts[number % len(layouts)](pen, random, script, face)
        shown = Asked("script", "In which script are the words written?", script, script, choices=tuple(SCRIPTS))
        return Page(pen.picture(), (shown, *asked), tuple(things), text)


_Read = tuple[list[Asked], list[Thing], str]


def _lines(pen: Pen, random: Random, script: str, face: str) -> _Read:
    """Three to five lines of three words."""
    height = pen.size[1]
    rows = [words(random, script, 3) for _ in range(random.randint(3, 5))]
    for i, row in enumerate(rows):
        pen.text((24, 40 + i * (height - 56) / 5), " ".join(row), 20, font=face, anchor="lm")
    text = "\n".join(" ".join(row) for row in rows)
    i = random.randrange(len(rows))
    asked = [
        Asked("read", "Write down what is written here.", text),
        Asked("line", f"What is written in line {i + 1}?", " ".join(rows[i])),
    ]
    return asked, [], text


def _form(pen: Pen, random: Random, script: str, face: str) -> _Read:
    """Names of fields with a value each: a word, or a number."""
    width, height = pen.size
    names = [name.capitalize() if script != "Georgian" else name for name in words(random, script, 5)]
    values = [word(random, script) if random.random() < 0.5 else str(random.randint(100, 99999)) for _ in names]
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y = 36 + i * (height - 50) / 5
        pen.text((24, y), f"{name}:", 19, font=face, anchor="lm")
        pen.text((width * 0.52, y), value, 19, font=face, anchor="lm")
        pen.line([(width * 0.5, y + 16), (width - 24, y + 16)], RULE, 1)
    text = "\n".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
    i = random.randrange(len(names))
    return [Asked("field", f"What stands in the field “{names[i]}”?", values[i])], [], text


def _table(pen: Pen, random: Random, script: str, face: str) -> _Read:
    """Three columns and four rows of numbers under and beside words."""
    width, height = pen.size
    heads, sides = words(random, script, 3), words(random, script, 4)
    cells = [[str(random.randint(1, 999)) for _ in heads] for _ in sides]
    step_x, step_y = (width - 32) / 4, (height - 32) / 5
    rows = [["", *heads], *([side, *row] for side, row in zip(sides, cells, strict=True))]
    for r, row in enumerate(rows):
        for c, words_ in enumerate(row):
            at = (16 + (c + 0.5) * step_x, 16 + (r + 0.5) * step_y)
            size = next(size for size in range(17, 6, -1) if pen.span(words_, size, face) <= step_x - 10)
            pen.text(at, words_, size, font=face)
    for r in range(6):
        pen.line([(16, 16 + r * step_y), (width - 16, 16 + r * step_y)], RULE, 1)
    for c in range(5):
        pen.line([(16 + c * step_x, 16), (16 + c * step_x, height - 16)], RULE, 1)
    r, c = random.randrange(4), random.randrange(3)
    text = "\n".join(" | ".join(row) for row in rows)
    return [Asked("cell", f"What is the value in row “{sides[r]}”, column “{heads[c]}”?", cells[r][c])], [], text


def _scattered(pen: Pen, random: Random, script: str, face: str) -> _Read:
    """Six words of several sizes in six fields of the page, and a word that may not be among them."""
    width, height = pen.size
    found = words(random, script, 7)
    shown, missing = found[:6], found[6]
    things = []
    for i, written in enumerate(shown):
        size = random.randint(17, 24)
        room = width / 2 - 24 - pen.span(written, size, face)
        at = (12 + i % 2 * width / 2 + random.uniform(0, max(0.0, room)), (i // 2 + random.uniform(0.3, 0.7)) * height / 3)
        things.append(Thing("word", pen.text(at, written, size, font=face, anchor="lm")))
    i = random.randrange(6)
    sought, answer = (shown[i], "yes") if random.random() < 0.5 else (missing, "no")
    asked = [
        Asked("present", f"Is the word “{sought}” in the picture?", answer, answer),
        Asked("point", f"Where is the word “{shown[i]}”?", box=things[i].box, label=shown[i]),
    ]
    return asked, things, " ".join(shown)

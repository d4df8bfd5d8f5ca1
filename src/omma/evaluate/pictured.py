"""Pictured: benchmarks whose marks need the size of a question's first picture; it is a fact, read from the picture's header.

Boxes in fractions, points and polygons mean nothing without it, and not every published file states it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.evaluate.published import Published
from omma.evaluate.question import Question, Supply
from omma.media.decode import measure
from omma.media.store import Store
from omma.media.views.native import Native
from omma.schema.verdict import Record
from omma.schema.view import Unit

# What someone tries who sees no picture: the whole, and the middle of it. Px as JSON.
BOXES = ("[<w0>, <h0>, <w1>, <h1>]", "[<w.25>, <h.25>, <w.75>, <h.75>]")
OUTLINES = (
    "[[<w0>, <h0>, <w1>, <h0>, <w1>, <h1>, <w0>, <h1>]]",
    "[[<w.25>, <h.25>, <w.75>, <h.25>, <w.75>, <h.75>, <w.25>, <h.75>]]",
)
SHARE = re.compile(r"<([wh])([\d.]+)>")


@config
class Seen(Config):
    """What a model sees of a picture, as far as it writes px of that: here nothing, it writes in a frame of its own."""

    def facts(self, width: int, height: int) -> dict[str, Any]:
        """Size of the picture, px → further facts."""
        return {}


@config
class SeenNative(Seen):
    """The picture resized near its own size, as the line of Qwen2.5-VL sees it; the model writes px of that.

    Facts `seen_width` and `seen_height`. `view` and `unit` must be those of the model's processor.
    """

    view: Native = Native(min_pixels=56 * 56, max_pixels=12_845_056)
    unit: tuple[int, int] = (14, 2)  # px per patch, patches per visual token side

    def facts(self, width: int, height: int) -> dict[str, Any]:
        patch, merge = self.unit
        tile = self.view.plan(width, height, Unit(patch, merge)).tiles[0]
        return {"seen_width": tile.width, "seen_height": tile.height}


@config
class Pictured(Published):
    """A question's facts get `width` and `height`, px, where the file does not state them, and what `seen_as` adds.

    A picture that cannot be read has 0 and 0; its row counts as wrong whatever was said. `trivial` are replies that someone
    would try who sees no picture: the middle, the whole. In them `<w0.25>` stands for a quarter of the width in px, `<h1>` for
    the height, of the picture as the model sees it.
    """

    seen_as: Seen = Seen()
    trivial: tuple[str, ...] = ()

    def questions(self, supply: Supply) -> list[Question]:
        """Supply with a data root → the questions that are asked, with the sizes of their pictures."""
        found = super().questions(supply)
        store = supply.store
        assert store is not None
        return [self.sized(question, *_size(question, store)) for question in found]

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same place always."""
        return self.trivial

    def worded(self, guess: str, facts: Mapping[str, Any]) -> str:
        """A guess + facts → the same with px of that picture."""
        sides = {"w": facts.get("seen_width", facts["width"]), "h": facts.get("seen_height", facts["height"])}
        return SHARE.sub(lambda found: f"{sides[found[1]] * float(found[2]):g}", guess)

    def sized(self, question: Question, width: int, height: int) -> Question:
        """Question + the size of its picture → the same with all facts that follow from it."""
        more = self.seen_as.facts(width, height) if width and height else {}
        return replace(question, facts=question.facts | {"width": width, "height": height} | more)


def _size(question: Question, store: Store) -> tuple[int, int]:
    if question.facts.get("width") and question.facts.get("height"):
        return int(question.facts["width"]), int(question.facts["height"])
    name = question.sample.media[0].uri
    try:
        return measure(store.read(name), name=name)
    except DataError:
        return 0, 0

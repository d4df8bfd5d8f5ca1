"""Markup: the boxes that a model's own markup names → boxes in px of the picture. They are read where the model is known."""

from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.boxes.written import BoxFormat, Corners, Picture, Reading, usable
from omma.metrics.metric import Facts
from omma.metrics.structured import is_number, read_json


@config
class OwnMarkup(BoxFormat):
    """Fact `boxes`: xyxy px of the first picture. Needs no size of it.

    Replies whose answerer knows of no markup (recorded ones, as a rule) have no such fact: their text is JSON, a box
    `[x1, y1, x2, y2]` in px or a list of boxes.
    """

    def of(self, raw: str, facts: Facts) -> Reading:
        """Reply + facts → the boxes of its markup, else those of its JSON."""
        boxes = facts.get("boxes")
        return Reading(tuple(map(_box, boxes))) if boxes else _of_json(raw)

    def read(self, text: str, picture: Picture) -> Reading:
        """Text that is JSON → its boxes; none for any other text."""
        return _of_json(text)


def _of_json(text: str) -> Reading:
    value = read_json(text)
    if not isinstance(value, list) or not value:
        return Reading(())
    boxes = value if all(isinstance(one, list) for one in value) else [value]
    return Reading(tuple(map(_box, boxes)))


def _box(value: Sequence[Any]) -> Corners | None:
    if len(value) != 4 or not all(map(is_number, value)):
        return None
    x0, y0, x1, y1 = map(float, value)
    return usable((x0, y0, x1, y1))

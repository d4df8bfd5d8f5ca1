"""Locating: labelled regions → the conversation that asks for them: picture and request, then each label with its regions."""

from collections.abc import Sequence
from typing import Any

from omma.core.errors import DataError
from omma.schema.sample import Part, Region, Turn

ASK = "Locate every object in the picture."


def located(regions: Sequence[Region], crowds: frozenset[int] = frozenset()) -> tuple[Turn, ...]:
    """Regions of one picture → turns: labels in the order in which they first appear, a line each. None without regions.

    `crowds` are numbers of regions that hold many objects: they are no answer.
    """
    by_label: dict[str, list[int]] = {}
    for number, region in enumerate(regions):
        if number not in crowds:
            by_label.setdefault(region.label, []).append(number)
    if not by_label:
        return ()
    parts: list[Part] = []
    for line, (label, numbers) in enumerate(by_label.items()):
        parts.append(Part("text", "\n" * bool(line) + (f"{label}: " if label else "")))
        for place, number in enumerate(numbers):
            parts += [Part("text", ", ")] * bool(place) + [Part("region", index=number)]
    return asked(ASK, tuple(part for part in parts if part.kind != "text" or part.text))


def asked(question: str, reply: tuple[Part, ...]) -> tuple[Turn, ...]:
    """Question about the first picture + parts of the reply → turns."""
    return Turn("user", (Part("image", index=0), Part("text", question))), Turn("assistant", reply)


def box_xywh(value: Any, where: str) -> tuple[float, float, float, float]:
    """x, y, width and height as a file has them → floats; DataError for anything else, and for a negative size."""
    if not (isinstance(value, (list, tuple)) and len(value) == 4 and all(is_number(side) for side in value)):
        raise DataError(where, repr(value)[:60], "a box of four numbers: x, y, width, height")
    x, y, width, height = (float(side) for side in value)
    if width < 0 or height < 0:
        raise DataError(where, f"a size of {width:g} × {height:g}", "a width and a height of 0 and more")
    return x, y, width, height


def is_number(value: Any) -> bool:
    """Whether a value is a finite number of a size that a picture can have, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9

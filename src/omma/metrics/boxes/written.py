"""Written boxes: the text of a released model + the size of its picture → boxes in px of the picture. One class a format.

A format is declared, never chosen by what scores best. A box that is found but has corners in the wrong order, no area or
a number that is none is bad: it is counted and stands as None in its place. Boxes are not clipped to the picture.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from omma.core.config import Config, config
from omma.metrics.metric import Facts

Corners = tuple[float, float, float, float]
NUMBER = r"\s{0,9}([-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}|nan|inf(?:inity)?)(?:e[-+]?\d{1,3})?)\s{0,9}"
FOUR = ",".join([NUMBER] * 4)


@dataclass(frozen=True, slots=True)
class Picture:
    """Size of the source picture, and of what the model saw (0: the same), px."""

    width: float
    height: float
    seen_width: float = 0
    seen_height: float = 0


def picture_of(facts: Facts) -> Picture:
    """Facts `width`, `height` and, where the model saw another size, `seen_width`, `seen_height` → the picture."""
    return Picture(facts["width"], facts["height"], facts.get("seen_width", 0), facts.get("seen_height", 0))


@dataclass(frozen=True, slots=True)
class Reading:
    """Boxes in the order of the text, xyxy px of the source picture; None for each bad one."""

    found: tuple[Corners | None, ...]

    @property
    def boxes(self) -> tuple[Corners, ...]:
        """The boxes that are none of the bad ones."""
        return tuple(box for box in self.found if box is not None)

    @property
    def bad(self) -> int:
        """How many are bad."""
        return self.found.count(None)


@config
class BoxFormat(Config):
    """How a model writes boxes. Subclasses give a `pattern` with groups of numbers, and `place` them in the picture."""

    pattern: ClassVar[re.Pattern[str]]

    def of(self, raw: str, facts: Facts) -> Reading:
        """Reply + facts of its question → every box in it. Written boxes need nothing but the text and the picture's size."""
        return self.read(raw, picture_of(facts))

    def read(self, text: str, picture: Picture) -> Reading:
        """Text → every box in it. Never raises for any text."""
        return Reading(tuple(usable(self.place(numbers, picture)) for numbers in self.numbers(text)))

    def numbers(self, text: str) -> Iterator[tuple[float, ...]]:
        """Text → the numbers of each box as they stand."""
        return (tuple(map(float, match.groups())) for match in self.pattern.finditer(text))

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        """Numbers as they stand → xyxy px of the source picture."""
        raise NotImplementedError(f"{type(self).__name__} places nothing yet")


def usable(box: Corners) -> Corners | None:
    """The box, or None if its corners are in the wrong order, it has no area, or a number is none."""
    return box if all(map(math.isfinite, box)) and box[0] < box[2] and box[1] < box[3] else None


def _scaled(numbers: tuple[float, ...], full: float, picture: Picture) -> Corners:
    x0, y0, x1, y1 = (number / full for number in numbers)
    return x0 * picture.width, y0 * picture.height, x1 * picture.width, y1 * picture.height


@config
class PlainPixels(BoxFormat):
    """`[x1, y1, x2, y2]` in px of the source picture: MDETR and other detectors."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(rf"\[{FOUR}\]", re.IGNORECASE)

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        x0, y0, x1, y1 = numbers
        return x0, y0, x1, y1


@config
class UnitCorners(BoxFormat):
    """`[x1, y1, x2, y2]` of 1: what lmms-eval asks any model for (lmms-eval `tasks/refcoco/utils_rec.py`)."""

    pattern: ClassVar[re.Pattern[str]] = PlainPixels.pattern

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        return _scaled(numbers, 1.0, picture)


@config
class QwenVl(BoxFormat):
    """`(x1,y1),(x2,y2)` of 999, as Qwen-VL's script reads it (QwenLM/Qwen-VL `eval_mm/evaluate_grounding.py`)."""

    full: ClassVar[float] = 999.0
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        rf"\({NUMBER},{NUMBER}\)\s{{0,9}},\s{{0,9}}\({NUMBER},{NUMBER}\)", re.IGNORECASE
    )

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        return _scaled(numbers, self.full, picture)


@config
class Qwen2Vl(QwenVl):
    """`(x1,y1),(x2,y2)` of 1000: Qwen2-VL, and SeeClick's reading of Qwen-VL."""

    full: ClassVar[float] = 1000.0


@config
class Qwen25Vl(BoxFormat):
    """JSON with `"bbox_2d": [x1, y1, x2, y2]` in px of the picture that the model saw: Qwen2.5-VL."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(rf"[\"']bbox_2d[\"']\s{{0,9}}:\s{{0,9}}\[{FOUR}\]", re.IGNORECASE)

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        across, down = (
            picture.width / (picture.seen_width or picture.width),
            picture.height / (picture.seen_height or picture.height),
        )
        x0, y0, x1, y1 = numbers
        return x0 * across, y0 * down, x1 * across, y1 * down


@config
class Qwen3Vl(Qwen25Vl):
    """JSON with `"bbox_2d": [x1, y1, x2, y2]` of 1000: Qwen3-VL."""

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        return _scaled(numbers, 1000.0, picture)


@config
class InternVl(BoxFormat):
    """`[[x1, y1, x2, y2]]` of 1000, or of 1 where the four add up to less than 4 (OpenGVLab/InternVL
    `internvl_chat/eval/refcoco/evaluate_grounding.py`, whose rule it is).
    """

    pattern: ClassVar[re.Pattern[str]] = PlainPixels.pattern

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        return _scaled(numbers, 1000.0 if sum(numbers) >= 4 else 1.0, picture)


@config
class LlavaUnit(BoxFormat):
    """`[x1, y1, x2, y2]` of 1 on the square that the picture is padded to, in its middle: LLaVA-1.5, Shikra."""

    pattern: ClassVar[re.Pattern[str]] = PlainPixels.pattern

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        side = max(picture.width, picture.height)
        left, top = (side - picture.width) / 2, (side - picture.height) / 2
        x0, y0, x1, y1 = (number * side for number in numbers)
        return x0 - left, y0 - top, x1 - left, y1 - top

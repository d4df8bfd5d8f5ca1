"""Clicks (ScreenSpot): a point, or the middle of a box, in a reply → whether it lies in the box of the element."""

import math
import re
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import Config, config
from omma.metrics.boxes.markup import OwnMarkup
from omma.metrics.boxes.written import BoxFormat, Picture, Qwen2Vl, Reading, picture_of
from omma.metrics.metric import Facts, Mark, Metric
from omma.metrics.structured import as_numbers, read_json

Point = tuple[float, float]
NUMBERS = re.compile(r"-?\d{1,30}(?:\.\d{0,30})?")


@config
class PointFormat(Config):
    """How a model writes a point: all numbers of the text, which must be two, or four as the corners of a box."""

    def of(self, raw: str, facts: Facts) -> Point | None:
        """Reply + facts of its question → a point in px of the source picture, or None."""
        return self.read(raw, picture_of(facts))

    def read(self, text: str, picture: Picture) -> Point | None:
        """Text → a point in px of the source picture, or None. Never raises for any text."""
        numbers = [float(match[0]) for match, _ in zip(NUMBERS.finditer(text), range(5), strict=False)]
        if len(numbers) == 4:
            numbers = [(numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2]
        if len(numbers) != 2 or not all(map(math.isfinite, numbers)):
            return None
        across, down = self.scale(picture)
        return numbers[0] * across, numbers[1] * down

    def scale(self, picture: Picture) -> Point:
        """Px of the source picture in one unit across and down."""
        raise NotImplementedError(f"{type(self).__name__} has no unit yet")


@config
class UnitPoints(PointFormat):
    """Numbers of 1: SeeClick."""

    def scale(self, picture: Picture) -> Point:
        return picture.width, picture.height


@config
class ThousandPoints(PointFormat):
    """Numbers of 1000: Qwen3-VL, CogAgent."""

    def scale(self, picture: Picture) -> Point:
        return picture.width / 1000, picture.height / 1000


@config
class SeenPoints(PointFormat):
    """Px of the picture that the model saw: Qwen2.5-VL."""

    def scale(self, picture: Picture) -> Point:
        return picture.width / (picture.seen_width or picture.width), picture.height / (picture.seen_height or picture.height)


@config
class BoxMiddle(PointFormat):
    """The middle of the first box that `format` reads. A bad box is no point."""

    format: BoxFormat = Qwen2Vl()

    def of(self, raw: str, facts: Facts) -> Point | None:
        return middle(self.format.of(raw, facts))

    def read(self, text: str, picture: Picture) -> Point | None:
        return middle(self.format.read(text, picture))


@config
class ClickCalls(UnitPoints):
    """`pyautogui.click(x=0.31, y=0.42)`: the first `x=…, y=…`, of 1 (VLMEvalKit `dataset/GUI/screenspot.py`)."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"x=(\d{1,9}(?:\.\d{0,30})?), y=(\d{1,9}(?:\.\d{0,30})?)")

    def read(self, text: str, picture: Picture) -> Point | None:
        found = self.pattern.search(text)
        return (float(found[1]) * picture.width, float(found[2]) * picture.height) if found else None


@config
class OwnPoints(PointFormat):
    """The middle of the first box of the model's own markup (fact `boxes`). Needs no size of the picture.

    Replies without that fact (recorded ones, as a rule) are JSON in px: a point [x, y] or a box [x1, y1, x2, y2].
    """

    def of(self, raw: str, facts: Facts) -> Point | None:
        value = None if facts.get("boxes") else as_numbers(read_json(raw))
        return (value[0], value[1]) if value is not None and len(value) == 2 else middle(OwnMarkup().of(raw, facts))


def middle(reading: Reading) -> Point | None:
    """Boxes of a reply → the middle of the first; None if there is none or it is bad."""
    box = reading.found[0] if reading.found else None
    return None if box is None else ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


@config
class ScreenSpot(Metric):
    """Click accuracy: the point lies in the gold box (xyxy px), its edges included. No readable point is wrong and unparsed.

    Facts: `width`, `height` and, for `SeenPoints`, `seen_width`, `seen_height`.
    """

    format: PointFormat = UnitPoints()

    label: ClassVar[str] = "click accuracy"
    source: ClassVar[str] = "njucckevin/SeeClick pretrain/screenspot_test.py"
    ties: ClassVar[str] = "a point on the edge is inside"

    def extract(self, raw: str, facts: Facts) -> Point | None:
        return self.format.of(raw, facts)

    def match(self, said: Point, gold: Sequence[float], facts: Facts) -> Mark:
        x, y = said
        return Mark(said, float(gold[0] <= x <= gold[2] and gold[1] <= y <= gold[3]), {"point": said})

"""Clicks as lmms-eval reads them: tagged boxes, points, x and y by name, any two numbers; px where a number is above 1."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from omma.core.config import config
from omma.metrics.boxes.click import Point, PointFormat, ScreenSpot
from omma.metrics.boxes.written import Picture

NUMBER = r"-?\d{1,30}(?:\.\d{1,30})?%?"
GAP = r"\s{0,99}"


@config
class LmmsEvalPoints(PointFormat):
    """The first of: four numbers in `<bbox>…</bbox>`, `[x, y]` or `(x y)`, `x=… y=…`, four numbers where a box is spoken of,
    two numbers. Of four the middle counts; a per cent sign divides by 100.
    """

    opened: ClassVar[re.Pattern[str]] = re.compile(rf"<{GAP}bbox[^>]{{0,999}}>", re.IGNORECASE)
    closed: ClassVar[re.Pattern[str]] = re.compile(rf"<{GAP}/{GAP}bbox{GAP}>", re.IGNORECASE)
    point: ClassVar[re.Pattern[str]] = re.compile(rf"[\[\(]{GAP}({NUMBER}){GAP}(?:,|\s){GAP}({NUMBER}){GAP}[\]\)]")
    x: ClassVar[re.Pattern[str]] = re.compile(rf"x['\"]?{GAP}[:=]{GAP}({NUMBER})", re.IGNORECASE)
    y: ClassVar[re.Pattern[str]] = re.compile(rf"y['\"]?{GAP}[:=]{GAP}({NUMBER})", re.IGNORECASE)
    boxes: ClassVar[tuple[str, ...]] = ("box", "rect")  # its longer key words hold one of these

    def read(self, text: str, picture: Picture) -> Point | None:
        said = self._tagged(text) or self._pair(text) or self._numbers(text)
        if said is None:
            return None
        x, y = said
        return said if x > 1 or y > 1 else (x * picture.width, y * picture.height)

    def _tagged(self, text: str) -> Point | None:
        opened = self.opened.search(text)
        closed = self.closed.search(text, opened.end()) if opened else None
        numbers = _four(text[opened.end() : closed.start()]) if opened and closed else []
        return _middle(numbers) if len(numbers) == 4 else None

    def _pair(self, text: str) -> Point | None:
        if point := self.point.search(text):
            return _value(point[1]), _value(point[2])
        x = self.x.search(text)
        y = self.y.search(text, x.end()) if x else None
        return (_value(x[1]), _value(y[1])) if x and y else None

    def _numbers(self, text: str) -> Point | None:
        numbers = _four(text)
        if len(numbers) == 4 and any(word in text.lower() for word in self.boxes):
            return _middle(numbers)
        return (numbers[0], numbers[1]) if len(numbers) > 1 else None


@config
class LmmsEvalScreenSpot(ScreenSpot):
    """Click accuracy with lmms-eval's reading."""

    format: PointFormat = LmmsEvalPoints()

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/screenspot_v2/utils.py"


def _four(text: str) -> list[float]:
    return [_value(found[0]) for found in islice(re.finditer(NUMBER, text), 4)]


def _middle(numbers: Sequence[float]) -> Point:
    return (numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2


def _value(token: str) -> float:
    return float(token[:-1]) / 100 if token.endswith("%") else float(token)

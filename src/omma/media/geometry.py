"""Geometry: boxes between orders (xyxy, xywh, cxcywh) and frames (px, unit, k1000, view_…). Exact inverses of the view.

The house's plain box is `xyxy` in px of the upright source picture: x grows to the right, y down, (0, 0) is the outer
corner of the first pixel and (width, height) that of the last. `to_frame` writes such a box for a model, `from_frame`
reads it back. Boxes are neither clipped nor rounded here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from omma.core.config import did_you_mean
from omma.core.errors import DataError
from omma.schema.sample import Frame, Order
from omma.schema.view import Canvas, TilePlan

Box = tuple[float, float, float, float]


def reorder(box: Box, old: Order, new: Order) -> Box:
    """Box in one order → the same box in another. DataError for an unknown order."""
    for order in (old, new):
        if order not in TO_XYXY:
            raise DataError("box", f"order {order!r}", "", did_you_mean(order, TO_XYXY))
    return box if old == new else FROM_XYXY[new](TO_XYXY[old](box))


def to_frame(box_xyxy_px: Box, frame: Frame, plan: TilePlan) -> Box:
    """Box in px of the source picture → the same box in `frame`, in xyxy. DataError for an unknown frame."""
    across, down = _axes(frame, plan)
    x0, y0, x1, y1 = box_xyxy_px
    return across.there(x0), down.there(y0), across.there(x1), down.there(y1)


def from_frame(box_xyxy: Box, frame: Frame, plan: TilePlan) -> Box:
    """Box in `frame`, in xyxy → the same box in px of the source picture; inverse of `to_frame`."""
    across, down = _axes(frame, plan)
    x0, y0, x1, y1 = box_xyxy
    return across.back(x0), down.back(y0), across.back(x1), down.back(y1)


def whole(width: int, height: int) -> TilePlan:
    """Picture size → a plan without tiles, for frames that need no view (in it `view_px` is `px`)."""
    return TilePlan(width, height, (Canvas(width, height, (0, 0, width, height)),), ())


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a frame: `before` px of border make `source` px, resized to `span` px at `start` of a sheet of `sheet` px.

    The sheet's far edge is called `full`. Products come before quotients, so that whole numbers stay whole where they can.
    """

    before: int
    source: int
    span: int
    start: int
    sheet: int
    full: float

    def there(self, x: float) -> float:
        return ((x + self.before) * self.span / self.source + self.start) * self.full / self.sheet

    def back(self, x: float) -> float:
        return (x * self.sheet / self.full - self.start) * self.source / self.span - self.before


def _axes(frame: Frame, plan: TilePlan) -> tuple[_Axis, _Axis]:
    if frame not in FRAMES:
        raise DataError("box", f"frame {frame!r}", "", did_you_mean(frame, FRAMES))
    if frame == "px":
        return STILL, STILL
    canvas = plan.canvases[plan.main]
    if not frame.startswith("view_"):
        canvas = Canvas(plan.width, plan.height, (0, 0, plan.width, plan.height))
    left, top, right, bottom = canvas.border
    x0, y0, x1, y1 = canvas.content
    wide, high = FULL.get(frame.removeprefix("view_"), (float(canvas.width), float(canvas.height)))
    across = _Axis(left, left + plan.width + right, x1 - x0, x0, canvas.width, wide)
    down = _Axis(top, top + plan.height + bottom, y1 - y0, y0, canvas.height, high)
    return across, down


STILL = _Axis(before=0, source=1, span=1, start=0, sheet=1, full=1.0)
FULL = {"unit": (1.0, 1.0), "k1000": (1000.0, 1000.0)}  # what the far edge of the sheet is called; in px its own size
FRAMES: tuple[Frame, ...] = get_args(Frame)
TO_XYXY: dict[Order, Callable[[Box], Box]] = {
    "xyxy": lambda b: b,
    "xywh": lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]),
    "cxcywh": lambda b: (b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2),
}
FROM_XYXY: dict[Order, Callable[[Box], Box]] = {
    "xyxy": lambda b: b,
    "xywh": lambda b: (b[0], b[1], b[2] - b[0], b[3] - b[1]),
    "cxcywh": lambda b: ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1]),
}

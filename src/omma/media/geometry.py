"""Geometry: boxes between orders (xyxy, xywh, cxcywh) and frames (px, unit, k1000, view_…). Exact inverses of the view.

The house's plain box is `xyxy` in px of the upright source picture: x grows to the right, y down, (0, 0) is the outer
corner of the first pixel and (width, height) that of the last. `to_frame` writes such a box for a model, `from_frame`
reads it back. Boxes are neither clipped nor rounded here.
"""

from collections.abc import Callable

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
    """Box in px of the source picture → the same box in `frame`, in xyxy."""
    scale_x, scale_y, shift_x, shift_y = _affine(frame, plan)
    x0, y0, x1, y1 = box_xyxy_px
    return x0 * scale_x + shift_x, y0 * scale_y + shift_y, x1 * scale_x + shift_x, y1 * scale_y + shift_y


def from_frame(box_xyxy: Box, frame: Frame, plan: TilePlan) -> Box:
    """Box in `frame`, in xyxy → the same box in px of the source picture; inverse of `to_frame`."""
    scale_x, scale_y, shift_x, shift_y = _affine(frame, plan)
    x0, y0, x1, y1 = box_xyxy
    return (x0 - shift_x) / scale_x, (y0 - shift_y) / scale_y, (x1 - shift_x) / scale_x, (y1 - shift_y) / scale_y


def whole(width: int, height: int) -> TilePlan:
    """Picture size → a plan without tiles, for frames that need no view (in it `view_px` is `px`)."""
    return TilePlan(width, height, (Canvas(width, height, (0, 0, width, height)),), ())


def _affine(frame: Frame, plan: TilePlan) -> tuple[float, float, float, float]:
    """Frame → (scale x, scale y, shift x, shift y) that take source px into it."""
    if frame == "px":
        return 1.0, 1.0, 0.0, 0.0
    if frame in ("unit", "k1000"):
        return _scaled(frame, 1.0, 1.0, 0.0, 0.0, plan.width, plan.height)
    if frame not in ("view_px", "view_unit", "view_k1000"):
        raise DataError(
            "box", f"frame {frame!r}", "", did_you_mean(frame, ("px", "unit", "k1000", "view_px", "view_unit", "view_k1000"))
        )
    canvas = plan.canvases[plan.main]
    left, top, right, bottom = canvas.border
    x0, y0, x1, y1 = canvas.content
    scale_x, scale_y = (x1 - x0) / (plan.width + left + right), (y1 - y0) / (plan.height + top + bottom)
    shift_x, shift_y = x0 + left * scale_x, y0 + top * scale_y
    return _scaled(frame, scale_x, scale_y, shift_x, shift_y, canvas.width, canvas.height)


def _scaled(
    frame: Frame, scale_x: float, scale_y: float, shift_x: float, shift_y: float, width: int, height: int
) -> tuple[float, float, float, float]:
    if frame.endswith("px"):
        return scale_x, scale_y, shift_x, shift_y
    full = 1000.0 if frame.endswith("k1000") else 1.0
    return scale_x * full / width, scale_y * full / height, shift_x * full / width, shift_y * full / height


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

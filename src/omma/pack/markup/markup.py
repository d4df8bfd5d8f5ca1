"""Markup: regions ↔ text. How a model writes a place in a picture, and how its words are read back."""

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.media.geometry import Box, from_frame, reorder, to_frame
from omma.schema.sample import Frame, Order, Region
from omma.schema.view import TilePlan


@config
class Markup(Config):
    """One subclass per way to write boxes. All of them take and give boxes through the plan of their picture."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Ordinary tokens that the vocabulary gains: they are words, read in text and learnt like words."""
        return ()

    def write(self, region: Region, plan: TilePlan) -> str:
        """Region of a picture → text."""
        raise NotImplementedError(f"{type(self).__name__} has no write")

    def read(self, text: str, plan: TilePlan) -> tuple[Region, ...]:
        """Text → its regions in xyxy px, in order. Empty if there is none or any of them is malformed: never a guess."""
        raise NotImplementedError(f"{type(self).__name__} has no read")


def box_in(region: Region, frame: Frame, order: Order, plan: TilePlan) -> Box:
    """Region → its box, clipped to the picture, in another frame and order. DataError if it is turned over or outside."""
    px = _clipped(from_frame(reorder(region.box, region.order, "xyxy"), region.frame, plan), plan)
    if px is None:
        got = f"box {region.box} ({region.order}, {region.frame}) in a picture of {plan.width} × {plan.height} px"
        raise DataError("region", got, "x0 ≤ x1, y0 ≤ y1, and a part of it in the picture")
    return reorder(to_frame(px, frame, plan), "xyxy", order)


def region_of(box: Box, frame: Frame, order: Order, plan: TilePlan) -> Region | None:
    """Box as written → region in xyxy px, clipped to the picture; None if it is turned over or outside."""
    px = _clipped(from_frame(reorder(box, order, "xyxy"), frame, plan), plan)
    return None if px is None else Region(media=0, box=px)


def _clipped(px: Box, plan: TilePlan) -> Box | None:
    x0, y0, x1, y1 = px
    width, height = float(plan.width), float(plan.height)
    if not (x0 <= x1 and y0 <= y1 and x1 >= 0 and y1 >= 0 and x0 <= width and y0 <= height):
        return None
    return max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)

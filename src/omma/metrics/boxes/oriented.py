"""Oriented boxes: centre, sides and angle, or four corners → the overlap of two, by clipping one polygon with the other."""

import math
from collections.abc import Sequence

Point = tuple[float, float]
Oriented = tuple[float, float, float, float, float]  # centre x and y, width, height, angle in radians from x towards y


def oriented_iou(a: Oriented, b: Oriented) -> float:
    """Two oriented boxes → intersection over union. 0.0 if either has no area, a negative side or a number that is none."""
    if not all(math.isfinite(number) for number in (*a, *b)) or min(a[2], a[3], b[2], b[3]) <= 0:
        return 0.0
    return convex_iou(corners(a), corners(b))


def corners(box: Oriented) -> tuple[Point, ...]:
    """Oriented box → its four corners in turn."""
    x, y, wide, high, angle = box
    cos, sin = math.cos(angle), math.sin(angle)
    sides = ((-wide, -high), (wide, -high), (wide, high), (-wide, high))
    return tuple((x + (cos * u - sin * v) / 2, y + (sin * u + cos * v) / 2) for u, v in sides)


def convex_iou(a: Sequence[Point], b: Sequence[Point]) -> float:
    """Corners of two convex polygons, in either direction → IoU. 0.0 if either has no area or a number that is none.

    The four-corner boxes of aerial sets (DOTA) are such polygons. Clipping is that of Sutherland and Hodgman (1974).
    """
    if not all(math.isfinite(number) for point in (*a, *b) for number in point):
        return 0.0
    first, second = _counted_up(a), _counted_up(b)
    areas = _signed_area(first), _signed_area(second)
    if min(areas) <= 0:
        return 0.0
    rest: list[Point] = list(first)
    for start, end in zip(second, (*second[1:], second[0]), strict=True):
        rest = _left_of(rest, start, end)
    both = min(max(_signed_area(rest), 0.0), *areas) if len(rest) > 2 else 0.0
    return both / (sum(areas) - both)


def _counted_up(polygon: Sequence[Point]) -> tuple[Point, ...]:
    """The polygon in the direction in which its area is positive."""
    points = tuple(polygon)
    return points if _signed_area(points) >= 0 else points[::-1]


def _signed_area(polygon: Sequence[Point]) -> float:
    turned = (*polygon[1:], *polygon[:1])
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(polygon, turned, strict=True)) / 2


def _left_of(polygon: Sequence[Point], start: Point, end: Point) -> list[Point]:
    """The part of a polygon on the inner side of a line."""
    kept: list[Point] = []
    inside = [_side(point, start, end) for point in polygon]
    for i, (point, value) in enumerate(zip(polygon, inside, strict=True)):
        last, last_value = polygon[i - 1], inside[i - 1]
        if (value >= 0) != (last_value >= 0):
            share = last_value / (last_value - value)
            kept.append((last[0] + share * (point[0] - last[0]), last[1] + share * (point[1] - last[1])))
        if value >= 0:
            kept.append(point)
    return kept


def _side(point: Point, start: Point, end: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])

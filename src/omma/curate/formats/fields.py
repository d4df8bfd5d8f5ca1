"""Fields: values of a row → captions, answers, regions. What is null or absent is empty; what has a wrong type is a DataError."""

from typing import Any

from omma.core.errors import DataError
from omma.schema.sample import Answer, Caption, Region


def mapping(value: Any) -> dict[str, Any]:
    """A whole row → the same if it is an object with names."""
    if not isinstance(value, dict):
        raise DataError("row", _kind(value), "an object with named fields")
    return value


def name_of(fields: dict[str, Any], field: str) -> str:
    """Row + field that names a picture → the name; DataError if there is none."""
    value = fields.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DataError(field, f"{_kind(value)}", "the name of a picture")
    return value


def captions_of(fields: dict[str, Any], names: tuple[str, ...]) -> tuple[Caption, ...]:
    """Row + field names in order of preference → captions of the first field present.

    That is a text or a list of texts, or of {"text", "origin"} where somebody else than a person wrote them.
    """
    found = next((name for name in names if name in fields), None)
    if found is None:
        raise DataError("row", f"fields {', '.join(list(fields)[:8]) or 'none'}", f"one of {', '.join(names)}")
    value = fields[found]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return tuple(_caption(item, f"{found}.{i}") for i, item in enumerate(value) if item is not None)
    return tuple(Caption(text) for text in texts(value, found))


def plain_values(value: Any) -> dict[str, str | int | float | bool]:
    """A `meta` field → its texts, numbers and truth values; what is none of these is not ours."""
    items = value.items() if isinstance(value, dict) else ()
    return {name: item for name, item in items if isinstance(item, (str, int, float, bool))}


def texts(value: Any, where: str) -> tuple[str, ...]:
    """A text, a list of texts or null → texts; nulls inside a list are left out."""
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    for item in items:
        if item is not None and not isinstance(item, str):
            raise DataError(where, _kind(item), "text")
    return tuple(item for item in items if item is not None)


def answer_of(value: Any, regions: tuple[Region, ...]) -> Answer | None:
    """An `answer` field → Answer. A text or number, a list of them, or {texts, choices, region: number of the row's region}."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return Answer(_words(value, "answer"))
    index = value.get("region", -1)
    if not isinstance(index, int) or index >= len(regions):
        raise DataError("answer.region", repr(index), f"a number below {len(regions)}, the row's regions")
    region = regions[index] if index >= 0 else None
    return Answer(_words(value.get("texts", []), "answer.texts"), region, _words(value.get("choices", []), "answer.choices"))


def regions_of(value: Any, num_media: int) -> tuple[Region, ...]:
    """A `regions` field → regions: a list of {box, order, frame, label, media}, or of boxes (xyxy px, first picture)."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DataError("regions", _kind(value), "a list")
    return tuple(_region(item, f"regions.{i}", num_media) for i, item in enumerate(value))


def _caption(item: Any, where: str) -> Caption:
    text, origin = (item.get("text"), item.get("origin", "human")) if isinstance(item, dict) else (item, "human")
    if not (isinstance(text, str) and isinstance(origin, str)):
        raise DataError(where, _kind(item), "a text, or a text and its origin")
    return Caption(text, origin)


def _region(item: Any, where: str, num_media: int) -> Region:
    fields = item if isinstance(item, dict) else {"box": item}
    box, media = fields.get("box", fields.get("bbox")), fields.get("media", 0)
    if not (isinstance(box, list) and len(box) == 4 and all(_number(side) for side in box)):
        raise DataError(where, repr(box)[:60], "a box of four numbers")
    if not (isinstance(media, int) and 0 <= media < num_media):
        raise DataError(where, f"media {media!r}", f"a number below {num_media}, the row's pictures")
    order, frame = fields.get("order", "xyxy"), fields.get("frame", "px")
    if order not in ("xyxy", "xywh", "cxcywh") or frame not in ("px", "unit", "k1000"):
        raise DataError(where, f"order {order!r}, frame {frame!r}", "xyxy, xywh or cxcywh in px, unit or k1000")
    label = fields.get("label", "")
    if not isinstance(label, str):
        raise DataError(f"{where}.label", _kind(label), "text")
    a, b, c, d = (float(side) for side in box)
    return Region(media, (a, b, c, d), order, frame, label, _polygon(fields.get("polygon"), f"{where}.polygon"))


def _polygon(rings: Any, where: str) -> tuple[tuple[float, ...], ...]:
    if rings is None:
        return ()
    if not (isinstance(rings, list) and all(isinstance(ring, list) and all(_number(value) for value in ring) for ring in rings)):
        raise DataError(where, repr(rings)[:60], "rings of corners: [[x, y, x, y, ...], ...]")
    return tuple(tuple(float(value) for value in ring) for ring in rings)


def _words(value: Any, where: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) or _number(item) for item in items):
        raise DataError(where, repr(value)[:60], "a text, a number or a list of them")
    return tuple(str(item) for item in items)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12


def _kind(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"

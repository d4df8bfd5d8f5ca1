"""Annotations: COCO's JSON (truth, and a results file) → columns of truth and detections, for boxes, masks or keypoints.

Pictures and categories are numbered by sorted id. Annotations of unknown categories are left out, as in COCO.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from omma.core.errors import DataError
from omma.metrics.detection.matching import Found, Truth
from omma.metrics.detection.shapes import Boxes, Masks, Shapes, Skeletons
from omma.metrics.masks.polygon import polygons_to_mask
from omma.metrics.masks.rle import Rle, from_text

Kind = Literal["bbox", "segm", "keypoints"]
Note = Mapping[str, Any]  # one annotation
PERSON_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


@dataclass(frozen=True, slots=True)
class Index:
    """Sorted ids of pictures and categories, and the size (height, width) of each picture where masks need it."""

    pictures: tuple[Any, ...]
    categories: tuple[Any, ...]
    sizes_yx: Mapping[Any, tuple[int, int]]


def index(pictures: Sequence[Note], categories: Sequence[Note]) -> Index:
    """`images` and `categories` of a COCO file → their index."""
    sizes = {one["id"]: (int(one["height"]), int(one["width"])) for one in pictures if "height" in one and "width" in one}
    return Index(tuple(sorted({one["id"] for one in pictures})), tuple(sorted({one["id"] for one in categories})), sizes)


def truth_of(notes: Sequence[Note], names: Index, kind: Kind) -> Truth:
    """True annotations → columns. `area` is that stored; crowds are ignored, and people without labelled points."""
    picture, category, kept = _placed(notes, names, "annotation")
    crowd = np.array([bool(note.get("iscrowd", 0)) for note in kept], bool)
    ignored = crowd.copy()
    if kind == "keypoints":
        ignored |= np.array([note["num_keypoints"] == 0 for note in kept], bool)
    area = np.array([note["area"] for note in kept], float)
    return Truth(picture, category, area, crowd, ignored, _true_shapes(kept, names, kind, area))


def found_of(notes: Sequence[Note], names: Index, kind: Kind) -> Found:
    """Results → columns. Every one needs a `score` that is a number (DataError)."""
    picture, category, kept = _placed(notes, names, "detection")
    score = np.array([note["score"] for note in kept], float)
    if not np.isfinite(score).all():
        raise DataError("detections", "a score that is not a number", "finite scores")
    return Found(picture, category, score, np.zeros(len(kept), bool), _found_shapes(kept, names, kind))


def read_mask(value: Any, size_yx: tuple[int, int] | None) -> Rle:
    """A segmentation as COCO stores it (text runs, runs, polygons) → mask. Polygons need `size_yx`. DataError if malformed."""
    if isinstance(value, Rle):
        return value
    if isinstance(value, Mapping):
        return _runs(value)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DataError("mask", f"a {type(value).__name__}", "runs with their size, or a list of polygons")
    if size_yx is None:
        raise DataError("mask", "polygons without a size", "height and width of the picture")
    try:
        return polygons_to_mask([np.asarray(polygon, float).ravel().tolist() for polygon in value], *size_yx)
    except (TypeError, ValueError, OverflowError):
        raise DataError("polygon", "something that is not a number", "x and y of three corners or more") from None


def _runs(value: Mapping[str, Any]) -> Rle:
    size, counts = value.get("size"), value.get("counts")
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2 or not all(_whole(side) for side in size):
        raise DataError("mask", f"size {str(size)[:40]}", "height and width")
    height, width = int(size[0]), int(size[1])
    if isinstance(counts, bytes):
        counts = counts.decode("latin1")
    if isinstance(counts, str):
        return from_text(counts, height, width)
    if not isinstance(counts, Sequence) or not all(_whole(run) for run in counts):
        raise DataError("mask", "counts that are neither text nor whole numbers", "COCO's run lengths")
    return Rle(height, width, np.array(counts, np.int64))


def _whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**40


def _placed(notes: Sequence[Note], names: Index, what: str) -> tuple[np.ndarray, np.ndarray, list[Note]]:
    places = {one: number for number, one in enumerate(names.pictures)}
    kinds = {one: number for number, one in enumerate(names.categories)}
    for note in notes:
        if note["image_id"] not in places:
            raise DataError(what, f"picture {note['image_id']!r}", "a picture of the set", "score it against its own truth")
    kept = [note for note in notes if note["category_id"] in kinds]
    picture = np.array([places[note["image_id"]] for note in kept], np.int64)
    return picture, np.array([kinds[note["category_id"]] for note in kept], np.int64), kept


def _boxes(notes: Sequence[Note]) -> np.ndarray:
    return np.array([note["bbox"] for note in notes], float).reshape(-1, 4)


def _masks(notes: Sequence[Note], names: Index) -> Masks:
    return Masks([read_mask(note["segmentation"], names.sizes_yx.get(note["image_id"])) for note in notes])


def _points(notes: Sequence[Note]) -> np.ndarray:
    for note in notes:
        if len(note["keypoints"]) != 3 * len(PERSON_SIGMAS):
            raise DataError("keypoints", f"{len(note['keypoints'])} numbers", f"x, y and v of {len(PERSON_SIGMAS)} points")
    return np.array([note["keypoints"] for note in notes], float).reshape(len(notes), len(PERSON_SIGMAS), 3)


def _true_shapes(notes: Sequence[Note], names: Index, kind: Kind, area: np.ndarray) -> Shapes:
    if kind == "bbox":
        return Boxes(_boxes(notes))
    return _masks(notes, names) if kind == "segm" else Skeletons(_points(notes), _boxes(notes), area, PERSON_SIGMAS)


def _found_shapes(notes: Sequence[Note], names: Index, kind: Kind) -> Shapes:
    if kind == "bbox":
        return Boxes(_boxes(notes))
    if kind == "segm":
        return _masks(notes, names)
    points = _points(notes)
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    return Skeletons(points, np.concatenate([low, high - low], axis=1), (high - low).prod(axis=1), PERSON_SIGMAS)

"""COCO: true objects and scored detections of pictures → the twelve numbers of COCO's detection challenge.

A reply is JSON text: a list of `{"category_id", "bbox" (xywh px) or "segmentation", "score"}` of one picture, as in a results
file; other formats stand in `written.py`. The gold is the list of the picture's annotations. AP is no sum over pictures, so its
interval is of 200 resamples of whole pictures; AP and AR of size ranges and all AR come without one (NaN).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.detection.annotations import PERSON_SIGMAS, Index, Kind, Note, found_of, index, read_mask, truth_of
from omma.metrics.detection.curves import average, intervals, precision, recall
from omma.metrics.detection.matching import AREA_NAMES, AREAS, THRESHOLDS, Matched, Rules, match
from omma.metrics.detection.written import CocoResults, DetectionFormat
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number
from omma.metrics.structured import as_numbers, is_number

PEOPLE = Rules(areas=(AREAS[0], AREAS[2], AREAS[3]), most=20)
OBJECTS = Rules()
AT_HALF = Rules(THRESHOLDS[:1], AREAS[:1])


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers by name in the order of COCO's print-out (NaN where COCO prints −1), and intervals of some."""

    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def coco_numbers(dataset: Mapping[str, Any], results: Sequence[Note], kind: Kind) -> Summary:
    """A COCO annotation file and a results file, as loaded → the numbers, without intervals.

    Twelve for `bbox` and `segm`, ten for `keypoints`. DataError for pictures that are not in the set or malformed masks.
    """
    names = index(dataset["images"], dataset["categories"])
    rules = PEOPLE if kind == "keypoints" else OBJECTS
    matched = match(truth_of(dataset["annotations"], names, kind), found_of(results, names, kind), rules)
    return Summary(_summary(matched, len(names.categories), kind))


def _summary(matched: Matched, num_categories: int, kind: Kind) -> dict[str, float]:
    table = precision(matched, num_categories)
    level = {50: 0, 75: 5}
    area_names = AREA_NAMES if kind != "keypoints" else ("all", "medium", "large")
    ap = {"AP": average(table[:, 0])} | {f"AP{at}": average(table[:, 0, place]) for at, place in level.items()}
    ap |= {f"AP-{name}": average(table[:, place]) for place, name in enumerate(area_names) if place}
    if kind == "keypoints":
        found = recall(matched, num_categories, 20)
        ar = {"AR": average(found[:, 0])} | {f"AR{at}": average(found[:, 0, place]) for at, place in level.items()}
    else:
        found = recall(matched, num_categories, 100)
        ar = {f"AR@{most}": average(recall(matched, num_categories, most)[:, 0]) for most in (1, 10)}
        ar |= {"AR@100": average(found[:, 0])}
    return ap | ar | {f"AR-{name}": average(found[:, place]) for place, name in enumerate(area_names) if place}


@config
class CocoBox(Metric):
    """COCO box AP. A detection without `score` has 1.0: generative models give none, and then the order in which boxes
    are named ranks them within a picture, the sorted ids of pictures between them. `details["unscored"]` counts them.

    Facts: `height` and `width` (px, where polygons are to be read), `categories` (ids that are scored; those of the gold
    otherwise), and what `format` needs. Entries of a reply that cannot be read are left out and counted in `details["bad"]`.
    """

    format: DetectionFormat = CocoResults()

    label: ClassVar[str] = "AP"
    source: ClassVar[str] = "cocodataset/cocoapi PythonAPI/pycocotools/cocoeval.py"
    ties: ClassVar[str] = "detections of equal score stand by sorted picture, then as given; of equal overlaps the last object"
    kind: ClassVar[Kind] = "bbox"
    rules: ClassVar[Rules] = OBJECTS

    def extract(self, raw: str, facts: Facts) -> list[dict[str, Any]] | None:
        return self.format.read(raw, facts)

    def match(self, said: list[dict[str, Any]], gold: Sequence[Note], facts: Facts) -> Mark:
        size = (facts["height"], facts["width"]) if "height" in facts else None
        read = [self._detection(one, gold, size) for one in said]
        kept = [one for one in read if one is not None]
        unscored = sum("score" not in one for one in said)
        details = {"found": kept, "bad": len(read) - len(kept), "unscored": unscored}
        return Mark(len(kept), float(self._share(kept, gold, facts)), details)

    def unread(self, gold: Sequence[Note], facts: Facts) -> Mark:
        return Mark(None, float(self._share([], gold, facts)), {"found": [], "bad": 0, "unscored": 0})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not marked:
            raise DataError(self.label, "no pictures to score", "at least one")
        summary = self.summary(sorted(marked, key=lambda one: one.id))
        unparsed = sum(not one.mark.parsed for one in marked)
        none = (math.nan, math.nan)
        return tuple(
            Number(name, value, len(marked), unparsed, *summary.intervals.get(name, none)) for name, value in summary.values.items()
        )

    def summary(self, marked: Sequence[Marked]) -> Summary:
        """Pictures in the order that settles ties → numbers."""
        names = self._index(marked)
        notes = [{**note, "image_id": one.id} for one in marked for note in one.gold]
        found = [{**note, "image_id": one.id} for one in marked for note in one.mark.details["found"]]
        matched = match(truth_of(notes, names, self.kind), found_of(found, names, self.kind), self.rules)
        values = _summary(matched, len(names.categories), self.kind)
        low, high = intervals(matched, len(names.categories), len(names.pictures), self.label)
        spans = {"AP": 0, "AP50": 1, "AP75": 6}
        return Summary(values, {name: (float(low[place]), float(high[place])) for name, place in spans.items()})

    def _index(self, marked: Sequence[Marked]) -> Index:
        pictures = [{"id": one.id} | {side: one.facts[side] for side in ("height", "width") if side in one.facts} for one in marked]
        ids = {note["category_id"] for one in marked for note in one.gold}
        return index(pictures, [{"id": id_} for id_ in ids.union(*(one.facts.get("categories", ()) for one in marked))])

    def _share(self, found: Sequence[Note], gold: Sequence[Note], facts: Facts) -> float:
        """AP50 of this picture alone, for reading over replies; it is no part of the set's AP. 0.0 where nothing counts."""
        one = Marked("0", gold, facts, Mark(0, 0.0, {"found": found}))
        names = self._index([one])
        true, own = ([{**note, "image_id": "0"} for note in notes] for notes in (gold, found))
        matched = match(truth_of(true, names, self.kind), found_of(own, names, self.kind), AT_HALF)
        value = average(precision(matched, len(names.categories)))
        return 0.0 if math.isnan(value) else value

    def _detection(self, one: Mapping[str, Any], gold: Sequence[Note], size: tuple[int, int] | None) -> dict[str, Any] | None:
        """One entry of a reply, checked, or None."""
        score, box, category = one.get("score", 1.0), one.get("bbox"), one.get("category_id")
        if not is_number(score) or not isinstance(category, int | str) or not isinstance(box, list) or len(box) != 4:
            return None
        if not all(is_number(side) for side in box) or box[2] < 0 or box[3] < 0:
            return None
        return {"category_id": category, "bbox": [float(side) for side in box], "score": float(score)}


@config
class CocoMask(CocoBox):
    """COCO mask AP: `segmentation` as runs or polygons. A mask of another size than the truth's is bad, and counted."""

    kind: ClassVar[Kind] = "segm"

    def _detection(self, one: Mapping[str, Any], gold: Sequence[Note], size: tuple[int, int] | None) -> dict[str, Any] | None:
        score, category = one.get("score", 1.0), one.get("category_id")
        if not is_number(score) or not isinstance(category, int | str):
            return None
        try:
            mask = read_mask(one.get("segmentation"), size)
            true_sizes = {read_mask(note["segmentation"], size).size_yx for note in gold[:1]}
        except DataError:
            return None
        if true_sizes - {mask.size_yx}:
            return None
        return {"category_id": category, "segmentation": mask, "score": float(score)}


@config
class CocoKeypoints(CocoBox):
    """COCO keypoint AP by object keypoint similarity: `keypoints` as 17 × (x, y, v) px, the twenty best people of a picture.

    The gold needs `keypoints`, `num_keypoints`, `bbox` and `area`. Ten numbers; there is no small size.
    """

    kind: ClassVar[Kind] = "keypoints"
    rules: ClassVar[Rules] = PEOPLE

    def _detection(self, one: Mapping[str, Any], gold: Sequence[Note], size: tuple[int, int] | None) -> dict[str, Any] | None:
        score, category, points = one.get("score", 1.0), one.get("category_id"), as_numbers(one.get("keypoints"))
        if not is_number(score) or not isinstance(category, int | str) or points is None or len(points) != 3 * len(PERSON_SIGMAS):
            return None
        return {"category_id": category, "keypoints": points, "score": float(score)}

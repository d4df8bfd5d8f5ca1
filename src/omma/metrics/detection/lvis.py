"""LVIS: a federated set, in which a picture is labelled for some categories only → AP, rare, common and frequent alike.

Beyond COCO: at most 300 detections a picture over all categories; those of categories that the picture was not checked for
are left out; where a category is known not to be labelled in full, what matches nothing is not held against the detector;
no crowds. Source: lvis-dataset/lvis-api `lvis/eval.py` at 04e89fd and `lvis/results.py` at 077d51f. There, a result with both
a box and a mask has the area of its box; here always that of what is scored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.metrics.detection.annotations import Index, Kind, Note, found_of, index, truth_of
from omma.metrics.detection.coco import CocoBox, CocoMask, Summary
from omma.metrics.detection.curves import average, intervals, precision, recall
from omma.metrics.detection.matching import AREA_NAMES, Matched, Rules, match
from omma.metrics.metric import Marked

MOST = 300  # detections of a picture
RULES = Rules(most=10**9)
GROUPS = {"APr": "r", "APc": "c", "APf": "f"}  # in 1–10, 11–100 and more training pictures


def lvis_numbers(dataset: Mapping[str, Any], results: Sequence[Note], kind: Kind) -> Summary:
    """An LVIS annotation file and a results file, as loaded → the thirteen numbers, without intervals."""
    names = index(dataset["images"], dataset["categories"])
    matched = _match(dataset["images"], dataset["annotations"], results, names, kind)
    return Summary(_summary(matched, names, {one["id"]: one["frequency"] for one in dataset["categories"]}))


def _match(pictures: Sequence[Note], notes: Sequence[Note], results: Sequence[Note], names: Index, kind: Kind) -> Matched:
    """`pictures` hold `neg_category_ids` and `not_exhaustive_category_ids`."""
    checked = {one["id"]: set(one["neg_category_ids"]) for one in pictures}
    for note in notes:
        checked[note["image_id"]].add(note["category_id"])
    unfinished = {one["id"]: set(one["not_exhaustive_category_ids"]) for one in pictures}
    kept = [one for one in _best(results) if one["category_id"] in checked.get(one["image_id"], {one["category_id"]})]
    truth, found = truth_of(notes, names, kind), found_of(kept, names, kind)
    own = [one for one in kept if one["category_id"] in set(names.categories)]
    open_ones = np.array([one["category_id"] in unfinished[one["image_id"]] for one in own], bool)
    ignored = np.array([bool(note.get("ignore", 0)) for note in notes if note["category_id"] in set(names.categories)], bool)
    return match(replace(truth, crowd=np.zeros_like(ignored), ignored=ignored), replace(found, open=open_ones), RULES)


def _best(results: Sequence[Note]) -> list[Note]:
    """The 300 detections of highest score of each picture, in their order; of equals the first."""
    groups: dict[Any, list[int]] = {}
    for place, one in enumerate(results):
        groups.setdefault(one["image_id"], []).append(place)
    kept = (sorted(places, key=lambda place: -results[place]["score"])[:MOST] for places in groups.values())
    return [results[place] for place in sorted(place for places in kept for place in places)]


def _summary(matched: Matched, names: Index, frequency: Mapping[Any, str]) -> dict[str, float]:
    count = len(names.categories)
    table, found = precision(matched, count), recall(matched, count, RULES.most)
    values = {"AP": average(table[:, 0]), "AP50": average(table[:, 0, 0]), "AP75": average(table[:, 0, 5])}
    values |= {f"AP{name[0]}": average(table[:, place]) for place, name in enumerate(AREA_NAMES) if place}
    for label, letter in GROUPS.items():
        values[label] = average(table[[frequency.get(one) == letter for one in names.categories], 0])
    values |= {"AR@300": average(found[:, 0])}
    return values | {f"AR{name[0]}@300": average(found[:, place]) for place, name in enumerate(AREA_NAMES) if place}


def _of_replies(marked: Sequence[Marked], names: Index, kind: Kind) -> Summary:
    """Pictures in the order that settles ties → numbers, the intervals of AP, AP50 and AP75 among them."""
    keys = ("neg_category_ids", "not_exhaustive_category_ids")
    pictures = [{"id": one.id} | {key: one.facts[key] for key in keys} for one in marked]
    notes = [{**note, "image_id": one.id} for one in marked for note in one.gold]
    found = [{**note, "image_id": one.id} for one in marked for note in one.mark.details["found"]]
    matched = _match(pictures, notes, found, names, kind)
    frequency = {id_: letter for one in marked for letter, ids in one.facts["frequency"].items() for id_ in ids}
    low, high = intervals(matched, len(names.categories), len(names.pictures), "AP")
    spans = {name: (float(low[place]), float(high[place])) for name, place in {"AP": 0, "AP50": 1, "AP75": 6}.items()}
    return Summary(_summary(matched, names, frequency), spans)


@config
class LvisBox(CocoBox):
    """LVIS box AP. Facts beside those of COCO: `neg_category_ids`, `not_exhaustive_category_ids` of the picture, and
    `frequency`: `{"r": ids, "c": ids, "f": ids}`, which may name only the categories that the picture speaks of.

    Only AP, AP50 and AP75 have intervals. The score of one reply is COCO's AP50, which knows nothing of federation.
    """

    source: ClassVar[str] = "lvis-dataset/lvis-api lvis/eval.py"

    def summary(self, marked: Sequence[Marked]) -> Summary:
        """Pictures in the order that settles ties → numbers."""
        return _of_replies(marked, self._index(marked), self.kind)


@config
class LvisMask(CocoMask):
    """LVIS mask AP. Facts as for `LvisBox`."""

    source: ClassVar[str] = "lvis-dataset/lvis-api lvis/eval.py"

    def summary(self, marked: Sequence[Marked]) -> Summary:
        """Pictures in the order that settles ties → numbers."""
        return _of_replies(marked, self._index(marked), self.kind)

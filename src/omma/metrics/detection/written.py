"""Written detections: the text of a reply → entries as a COCO results file has them. One class a format.

An entry that names an unknown label or has a bad box stands as {} in its place: it is counted, and finds nothing.
"""

from typing import Any

from omma.core.config import Config, config
from omma.metrics.boxes.written import BoxFormat, Picture, picture_of, usable
from omma.metrics.metric import Facts
from omma.metrics.structured import is_number, read_json


@config
class DetectionFormat(Config):
    """How detections are written."""

    def read(self, raw: str, facts: Facts) -> list[dict[str, Any]] | None:
        """Reply + facts of its question → entries; None if it is not in this format. Never raises for any text."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing yet")


@config
class CocoResults(DetectionFormat):
    """JSON, a list of `{"category_id", "bbox" (xywh px) or "segmentation" or "keypoints", "score"}`: any detector's results."""

    def read(self, raw: str, facts: Facts) -> list[dict[str, Any]] | None:
        """JSON → its objects."""
        said = read_json(raw)
        return [one if isinstance(one, dict) else {} for one in said] if isinstance(said, list) else None


@config
class Labelled(DetectionFormat):
    """JSON, bare or in a fence: a list of `{"bbox_2d": [x1, y1, x2, y2], "label": "…"}`, as the Qwen-VL line writes.

    `numbers` says in what the numbers are. Labels are compared in lower case, without spaces around them. Facts: `names`, the
    id of each category by its name, and those of the numbers. A `score` is kept where one is written: none is made up.
    """

    numbers: BoxFormat

    def read(self, raw: str, facts: Facts) -> list[dict[str, Any]] | None:
        """JSON → entries."""
        said = read_json(raw)
        if isinstance(said, dict):
            said = [said]
        if not isinstance(said, list):
            return None
        names = {name.strip().lower(): number for name, number in facts["names"].items()}
        return [self._entry(one, names, picture_of(facts)) if isinstance(one, dict) else {} for one in said]

    def _entry(self, one: dict[str, Any], names: dict[str, Any], picture: Picture) -> dict[str, Any]:
        label, numbers = one.get("label"), one.get("bbox_2d")
        if not isinstance(label, str) or label.strip().lower() not in names:
            return {}
        if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(is_number, numbers)):
            return {}
        box = usable(self.numbers.place(tuple(map(float, numbers)), picture))
        if box is None:
            return {}
        scored = {"score": one["score"]} if "score" in one else {}
        x0, y0, x1, y1 = box
        return {"category_id": names[label.strip().lower()], "bbox": [x0, y0, x1 - x0, y1 - y0]} | scored

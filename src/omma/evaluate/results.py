"""Results: a COCO results file, one row a detection → one answer a picture: the JSON list of its detections.

    [{"image_id": 42, "category_id": 18, "bbox": [258.2, 41.3, 348.3, 243.8], "score": 0.24}, …]

Pictures without a row have none found, as in COCO: their answer is an empty list. Where several sets share one file, each
row has its `dataset`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omma.core.errors import DataError

SHOWN = 5
FOUND = ("bbox", "segmentation", "keypoints")
LEADING = re.compile(r"(?<![0-9])0+(?=[0-9])")


def is_results(row: Mapping[str, Any]) -> bool:
    """Whether a row is a detection of a COCO results file."""
    return "image_id" in row and "category_id" in row and any(name in row for name in FOUND)


def by_picture(rows: Sequence[Mapping[str, Any]], ids: Sequence[str], where: str) -> dict[str, str]:
    """Rows + ids of the questions → id → JSON list of its rows, in their order. DataError for pictures that no question shows.

    Ids are those of pictures, whatever zeros stand in front of their numbers.
    """
    known = {_plain(name): name for name in ids}
    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in ids}
    unknown: list[str] = []
    for row in rows:
        name = f"{row['dataset']}:{row.get('image_id')}" if "dataset" in row else str(row.get("image_id"))
        if _plain(name) in known:
            found[known[_plain(name)]].append({key: value for key, value in row.items() if key not in ("image_id", "dataset")})
        else:
            unknown.append(name)
    if unknown:
        got = f"{len(unknown)} detections in pictures of no question, such as {', '.join(map(repr, unknown[:SHOWN]))}"
        raise DataError(where, got, f"pictures such as {', '.join(map(repr, ids[:SHOWN]))}", "is it the same benchmark and split?")
    return {name: json.dumps(one) for name, one in found.items()}


def _plain(name: str) -> str:
    return LEADING.sub("", name)

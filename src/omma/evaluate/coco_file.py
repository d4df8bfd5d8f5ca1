"""COCO files: one JSON of pictures, annotations and categories → pictures with their annotations, each checked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.evaluate.layouts import read_listed
from omma.evaluate.tables import need

Note = dict[str, Any]  # one annotation, as stored


@dataclass(frozen=True, slots=True)
class CocoFile:
    """`pictures`, `notes` and `kinds` (categories) by id, and the `notes_of` each picture, all in the order of the file."""

    uri: str
    pictures: Mapping[Any, dict[str, Any]]
    notes: Mapping[Any, Note]
    notes_of: Mapping[Any, list[Note]]
    kinds: Mapping[Any, dict[str, Any]]

    @property
    def names(self) -> dict[Any, str]:
        """Names of the categories by id."""
        return {number: str(row.get("name", "")) for number, row in self.kinds.items()}

    def size(self, picture: Any) -> tuple[int, int]:
        """Id of a picture → (width, height), px. DataError if the file does not state it."""
        row = self.pictures[picture]
        where = f"{self.uri}: picture {picture}"
        return int(need(row, "width", where)), int(need(row, "height", where))


def read_coco(file: Path, uri: str) -> CocoFile:
    """File + its name in the store → what is in it. DataError for another layout, and for annotations of unknown pictures."""
    pictures, rest = read_listed(file, uri, "images")
    by_id = {need(row, "id", f"{uri}: images"): row for row in pictures}
    notes: dict[Any, Note] = {}
    notes_of: dict[Any, list[Note]] = {picture: [] for picture in by_id}
    for number, note in enumerate(_rows(rest, "annotations", uri)):
        picture = need(note, "image_id", f"{uri}: annotation {number}")
        if picture not in notes_of:
            raise DataError(f"{uri}: annotation {number}", f"picture {picture!r}", f"one of its {len(by_id):,} pictures")
        notes[note.get("id", number)] = note
        notes_of[picture].append(note)
    kinds = {need(row, "id", f"{uri}: categories"): row for row in _rows(rest, "categories", uri)}
    return CocoFile(uri, by_id, notes, notes_of, kinds)


def corners(box_xywh: Any, where: str) -> list[float]:
    """A stored box (x, y, width, height) → its corners xyxy. DataError if it is no box."""
    if not isinstance(box_xywh, list) or len(box_xywh) != 4 or not all(isinstance(side, int | float) for side in box_xywh):
        raise DataError(where, f"box {str(box_xywh)[:60]}", "x, y, width and height, px")
    x, y, wide, high = box_xywh
    return [x, y, x + wide, y + high]


def _rows(data: Mapping[str, Any], key: str, uri: str) -> list[dict[str, Any]]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(uri, f"{key} that are no list of objects", "COCO's layout")
    return rows

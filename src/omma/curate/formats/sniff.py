"""Sniff: the first bytes of a file → its first objects, and which of their fields name pictures or hold captions."""

import csv
import json
import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from omma.curate.formats.listing import Listing, is_picture
from omma.curate.formats.rows import delimiter

PICTURE_FIELDS = (
    "image",
    "images",
    "image_path",
    "img",
    "picture",
    "file_name",
    "filename",
    "file",
    "filepath",
    "path",
    "image_name",
    "photo",
)
CAPTION_FIELDS = (
    "captions",
    "caption",
    "text",
    "texts",
    "sentence",
    "sentences",
    "description",
    "alt_text",
    "alt",
    "label_name",
    "label",
    "title",
)
ROWS = 50  # rows of a file's head that are looked at


def first_objects(head: bytes) -> list[dict[str, Any]]:
    """Head of a JSON Lines file → its first objects; nothing if fewer than half of its whole lines are objects."""
    lines = [line for line in head.split(b"\n")[: ROWS + 1] if line.strip()]
    if len(lines) > 1 and not head.endswith(b"\n"):
        lines = lines[:-1]  # cut off by the end of the head
    found = [value for line in lines[:ROWS] if isinstance(value := _loads(line), dict)]
    return found if 2 * len(found) >= len(lines[:ROWS]) else []


def array_values(head: bytes) -> list[Any]:
    """Head of a JSON array → its first items."""
    text, decoder = head.decode("utf-8-sig", errors="ignore").lstrip(), json.JSONDecoder()
    items: list[Any] = []
    if not text.startswith("["):
        return []
    text = text[1:].lstrip()
    while text and text[0] != "]" and len(items) < ROWS:
        try:
            item, end = decoder.raw_decode(text)
        except (json.JSONDecodeError, RecursionError):
            break
        items.append(item)
        text = text[end:].lstrip(", \t\r\n")
    return items


def array_objects(head: bytes) -> list[dict[str, Any]]:
    """Head of a JSON array → its first items that are objects."""
    return [item for item in array_values(head) if isinstance(item, dict)]


def first_records(head: bytes) -> list[dict[str, str]]:
    """Head of a table with a header → its first whole records."""
    text = head.decode("utf-8-sig", errors="ignore").replace("\0", "")
    lines = text.splitlines(keepends=True)[: ROWS + 1]
    if not lines:
        return []
    try:
        header, *records = csv.reader(lines, delimiter=delimiter(head))
    except (csv.Error, ValueError):
        return []
    return [dict(zip(map(str.strip, header), record, strict=True)) for record in records if len(record) == len(header)]


def picture_field(rows: Sequence[dict[str, Any]]) -> str:
    """Objects → the field that names their pictures: a usual name first, else values that end like pictures. "" if none."""
    names = {name.lower(): name for name in _names(rows)}
    named = [names[usual] for usual in PICTURE_FIELDS if usual in names]
    usual = [name for name in named if _mostly(rows, name, lambda value: isinstance(value, str) and bool(value))]
    endings = [name for name in _names(rows) if _mostly(rows, name, lambda value: isinstance(value, str) and is_picture(value))]
    return next((name for name in usual if name in endings), (endings + usual + [""])[0])


def caption_field(rows: Sequence[dict[str, Any]]) -> str:
    """Objects → the field that holds their captions, by its usual names (any case). "" if none."""
    names = {name.lower(): name for name in _names(rows)}
    for usual in CAPTION_FIELDS:
        if usual in names and any(isinstance(row.get(names[usual]), (str, list)) for row in rows):
            return names[usual]
    return ""


def named_pictures(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Conversations → the names of their pictures."""
    values = [row.get(field) for row in rows for field in ("image", "images")]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [name for name in flat if isinstance(name, str)]


def beside(listing: Listing, file: str, names: Sequence[str]) -> str:
    """Listing + a file of annotations + picture names in it → the folder, relative to the file's, where most of them are."""
    home = PurePosixPath(file).parent.as_posix()
    homes = {".", *(posixpath.relpath(folder, home) for folder in _above(listing.folders()))}
    found = {folder: present(listing, file, folder, names) for folder in homes}
    return min(found, key=lambda folder: (-found[folder], folder != ".", len(folder), folder))


def present(listing: Listing, file: str, folder: str, names: Sequence[str]) -> int:
    """How many pictures of these names lie in `folder`, relative to that of `file`."""
    home = PurePosixPath(file).parent.as_posix()
    paths = (posixpath.normpath(posixpath.join(home, folder, name.replace("\\", "/"))) for name in names)
    return sum(path in listing.pictures for path in paths)


def _above(folders: Sequence[str]) -> set[str]:
    """Folders → the same and all that they lie in: names may begin anywhere on the way down."""
    return {above.as_posix() for folder in folders for above in (PurePosixPath(folder), *PurePosixPath(folder).parents)}


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _mostly(rows: Sequence[dict[str, Any]], name: str, test: Any) -> bool:
    return bool(rows) and 2 * sum(bool(test(row.get(name))) for row in rows) >= len(rows)


def _loads(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return None

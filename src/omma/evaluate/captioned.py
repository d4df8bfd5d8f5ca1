"""Captioned pictures: a file of pictures and their captions, in any of the layouts that circulate → one `Captioned` each.

dataset_coco.json           Karpathy's splits: {"images": [{"filepath", "filename", "cocoid", "split", "sentences": [{"raw"}]}]}
coco_karpathy_test.json     BLIP's cut of them: [{"image": "val2014/….jpg", "caption": […]}]
captions_val2014.json       COCO's own (and NoCaps'): {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}
test-00000-of-00002.parquet rows with image (or filename) and captions, or a folder of such files (the hub's republications)
COCO_VAL.tsv                index, image, answer (a list of captions written out), as VLMEvalKit publishes
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.layouts import find_pictures
from omma.evaluate.tables import need, read_rows

IDS = ("image_id", "cocoid", "img_id", "index", "id", "imgid")
CAPTIONS = ("caption", "captions", "answer", "annotations_captions", "sentences")
DOMAINS = ("domain", "image_domain")


@dataclass(frozen=True, slots=True)
class Captioned:
    """A picture by its name (relative to the file, or the full name of a cell of it) and its captions; `facts` as given."""

    id: str
    picture: str
    captions: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


def read_captioned(file: Path, uri: str, split: str = "test") -> list[Captioned]:
    """File (or folder of Parquet files), its name in the store and the split of Karpathy's to take → pictures in order.

    DataError for a picture without captions, or another layout.
    """
    if file.is_dir():
        parts = sorted(file.glob("*.parquet"))
        if not parts:
            raise DataError(uri, "a folder without .parquet files", "the shards of a data set")
        return [one for part in parts for one in _rows(part, f"{uri}/{part.name}")]
    if file.suffix != ".json":
        return list(_rows(file, uri))
    data = _parsed(file, uri)
    if isinstance(data, dict) and isinstance(data.get("annotations"), list):
        return list(_coco(data, uri))
    if isinstance(data, dict) and isinstance(data.get("images"), list):
        return list(_karpathy(data["images"], uri, split))
    return list(_rows(file, uri))


def place_pictures(shown: Sequence[Captioned], file: Path, uri: str, folder: str = "") -> list[str]:
    """Captioned pictures, their file with its name in the store, a folder that their names leave out → their names in the store.

    A folder of pictures is sought beside the file and above it, also as a zip: val2014, or val2014.zip with it inside.
    """
    places: dict[str, str] = {}
    names = []
    for one in shown:
        if one.picture.startswith(f"{uri}#") or (file.is_dir() and one.picture.startswith(f"{uri}/")):
            names.append(one.picture)
            continue
        own, _, name = f"{folder}/{one.picture}".lstrip("/").rpartition("/")
        if own not in places:
            places[own] = find_pictures(file, uri, [own]) if own else uri[: len(uri) - len(file.name)]
        names.append(places[own] + name)
    return names


def file_id(name: str) -> str:
    """`COCO_val2014_000000391895.jpg` → `391895`, as COCO numbers it; other names without their ending."""
    stem = PurePosixPath(name).stem
    last = stem.rpartition("_")[2]
    return str(int(last)) if last.isascii() and last.isdigit() else stem


def _karpathy(images: Sequence[Any], uri: str, split: str) -> Iterator[Captioned]:
    for number, image in enumerate(images):
        where = f"{uri}:{number}"
        row = _object(image, where)
        if need(row, "split", where) == split:
            name = str(need(row, "filename", where))
            captions = [str(need(_object(one, where), "raw", where)) for one in need(row, "sentences", where)]
            shown = f"{row['filepath']}/{name}" if row.get("filepath") else name
            yield _whole(Captioned(str(row.get("cocoid") or file_id(name)), shown, tuple(captions)), where)


def _coco(data: Mapping[str, Any], uri: str) -> Iterator[Captioned]:
    captions: dict[str, list[str]] = {}
    for number, note in enumerate(data["annotations"]):
        row = _object(note, f"{uri}:annotations/{number}")
        captions.setdefault(str(need(row, "image_id", uri)), []).append(str(need(row, "caption", uri)))
    for number, image in enumerate(need(dict(data), "images", uri)):
        row = _object(image, f"{uri}:images/{number}")
        name = str(need(row, "id", uri))
        facts = {"domain": str(row["domain"])} if "domain" in row else {}
        found = Captioned(name, str(need(row, "file_name", uri)), tuple(captions.get(name, ())), facts)
        yield _whole(found, f"{uri}:images/{number}")


def _rows(file: Path, uri: str) -> Iterator[Captioned]:
    for number, row in enumerate(read_rows(file, uri)):
        where = f"{uri}:{number}"
        column = next((name for name in CAPTIONS if name in row), "caption")
        shown = _shown(row, where)
        named = next((str(row[name]) for name in IDS if name in row), "")
        if "question_id" in row:
            named = file_id(str(row["question_id"]))
        domain = next((str(row[name]) for name in DOMAINS if name in row), "")
        captions = tuple(_several(need(row, column, where), where))
        yield _whole(Captioned(named or file_id(shown), shown, captions, {"domain": domain} if domain else {}), where)


def _shown(row: dict[str, Any], where: str) -> str:
    """Row → its picture: a cell of its own, or a name."""
    if "image" not in row and "filename" in row:
        return f"{row['filepath']}/{row['filename']}" if row.get("filepath") else str(row["filename"])
    picture = need(row, "image", where)
    return picture[0] if isinstance(picture, tuple) else str(picture)


def _several(value: Any, where: str) -> list[str]:
    """Captions as a list, or as a list written out."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise DataError(where, f"no list of captions: {value[:60]!r}", "a list written as in Python or JSON") from None
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _whole(found: Captioned, where: str) -> Captioned:
    if not found.captions:
        fix = "take a split whose captions are published; those of test splits are kept on a server"
        raise DataError(where, f"no captions of {found.picture}", "one or more", fix)
    return found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(where, f"a {type(value).__name__}", "an object")
    return value


def _parsed(file: Path, uri: str) -> Any:
    try:
        return json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(uri, f"no JSON: {error}", "one JSON value") from None

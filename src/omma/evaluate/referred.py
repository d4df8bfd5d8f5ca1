"""Referred: expressions for objects of pictures, in the three layouts in which RefCOCO and its kin circulate → one row each.

    refcoco/refs(unc).p, refcoco/instances.json     refer (lichengunc/refer `refer.py`); refcocog has refs(umd).p
    refcoco_val.jsonl                               Qwen-VL and InternVL: image, sent, bbox (xyxy px), width, height
    RefCOCO/data/val-00000-of-00004.parquet         the hub's lmms-lab/RefCOCO: question_id, image, answer (expressions),
                                                    bbox (xywh px), segmentation (one polygon)

The pictures of the first two are COCO's train2014, beside the folder or above it. The hub's splits hold other expressions than
refer's: its "val" has 8,811 objects, refer's 3,811.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.core.plain_pickle import read_pickle
from omma.evaluate.coco_file import CocoFile, corners, read_coco
from omma.evaluate.layouts import find_pictures
from omma.evaluate.tables import need, read_rows

PHOTOS = ("train2014", "images/train2014", "images/mscoco/images/train2014", "coco/train2014")
SAIAPR = ("saiapr_tc-12", "images/saiapr_tc-12")
HUB = {"refcoco": "RefCOCO", "refcoco+": "RefCOCOplus", "refcocog": "RefCOCOg"}


@dataclass(frozen=True, slots=True)
class Referred:
    """One expression. `box` is xyxy px, `mask` as COCO stores segmentations (None: not stated); sizes are 0 if not stated."""

    id: str
    expression: str
    picture: str
    box: list[float]
    mask: Any = None
    width: int = 0
    height: int = 0


def read_split(place: Path, uri: str, name: str, by: str, split: str) -> list[Referred] | None:
    """Folder + its name in the store + data set, who split it and the split → its expressions; None if it is not there.

    Of several layouts the first above is read. DataError for files of another layout.
    """
    if (place / name / f"refs({by}).p").is_file():
        return list(_of_refer(place / name, f"{uri}/{name}", name, by, split))
    for folder, prefix in ((place / name, f"{uri}/{name}"), (place, uri), (place / "refcoco", f"{uri}/refcoco")):
        if (folder / f"{name}_{split}.jsonl").is_file():
            return list(_of_lines(folder / f"{name}_{split}.jsonl", f"{prefix}/{name}_{split}.jsonl", split))
    hub = place / HUB.get(name, name) / "data"
    shards = sorted(hub.glob(f"{split}-*.parquet"))
    return [row for file in shards for row in _of_hub(file, f"{uri}/{file.relative_to(place).as_posix()}")] or None


def in_split(own: str, split: str) -> bool:
    """Split of an object + split asked for → whether it belongs: refer's rule, by which "testAB" is in testA and in testB."""
    if split in ("testA", "testB", "testC"):
        return split[-1] in own
    return "test" in own if split == "test" else own == split


@lru_cache(maxsize=1)
def _opened(refs: Path, instances: Path, uri: str, stamp: tuple[int, ...]) -> tuple[Any, CocoFile]:
    """The two files of a set, which all its splits share; read anew when either changes."""
    return read_pickle(refs, f"{uri}/{refs.name}"), read_coco(instances, f"{uri}/{instances.name}")


def _of_refer(folder: Path, uri: str, name: str, by: str, split: str) -> Iterator[Referred]:
    refs, instances = folder / f"refs({by}).p", folder / "instances.json"
    if not instances.is_file():
        raise DataError(f"{uri}/instances.json", "no such file", f"the annotations beside {refs.name}")
    stamp = tuple(number for file in (refs, instances) for number in (file.stat().st_mtime_ns, file.stat().st_size))
    found, truth = _opened(refs, instances, uri, stamp)
    photos = find_pictures(folder, uri, SAIAPR if name == "refclef" else PHOTOS)
    where = f"{uri}/{refs.name}"
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError(where, f"a {type(found).__name__}", "a list of objects that are referred to")
    for one in found:
        if in_split(str(need(one, "split", where)), split):
            yield from _expressions(one, truth, photos, where)


def _expressions(one: dict[str, Any], truth: CocoFile, photos: str, where: str) -> Iterator[Referred]:
    note, picture = truth.notes.get(need(one, "ann_id", where)), need(one, "image_id", where)
    if note is None or picture not in truth.pictures:
        raise DataError(where, f"annotation {one['ann_id']} of picture {picture}", f"one of {truth.uri}")
    width, height = truth.size(picture)
    box = corners(need(note, "bbox", truth.uri), truth.uri)
    file = photos + str(need(truth.pictures[picture], "file_name", truth.uri))
    for sentence in need(one, "sentences", where):
        words, name = str(need(sentence, "sent", where)), str(need(sentence, "sent_id", where))
        yield Referred(name, words, file, box, note.get("segmentation"), width, height)


def _of_lines(file: Path, uri: str, split: str) -> Iterator[Referred]:
    photos = find_pictures(file, uri, PHOTOS)
    for number, row in enumerate(read_rows(file, uri)):
        where = f"{uri}:{number + 1}"
        box, name = need(row, "bbox", where), Path(str(need(row, "image", where))).name
        if not isinstance(box, list) or len(box) != 4:
            raise DataError(where, f"bbox {str(box)[:60]}", "x1, y1, x2, y2, px")
        size = int(row.get("width", 0)), int(row.get("height", 0))
        yield Referred(str(number), str(need(row, "sent", where)), photos + name, box, None, *size)


def _of_hub(file: Path, uri: str) -> Iterator[Referred]:
    for number, row in enumerate(read_rows(file, uri)):
        where = f"{uri}:{number}"
        box, said = corners(need(row, "bbox", where), where), need(row, "answer", where)
        polygon = row.get("segmentation")
        for place, words in enumerate(said if isinstance(said, list) else [said]):
            name = f"{need(row, 'question_id', where)}:{place}"
            yield Referred(name, str(words), need(row, "image", where)[0], box, [polygon] if polygon else None)

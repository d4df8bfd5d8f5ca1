"""COCO: one JSON object of `images`, `annotations` and `categories` (captions, instances, keypoints, panoptic) → samples.

One sample a picture, with all its captions, boxes and polygons. What regions have no field for is JSON text in `meta`, by
the number of the region: `masks` given as run lengths, as {"size": [height, width], "counts": compressed text}; `keypoints`
as [[name, x, y, visibility], ...]; `crowds` lists regions of many objects, which no reply names. The masks of panoptic sets
lie in pictures of their own and are not read.
Layout: cocodataset/cocoapi `PythonAPI/pycocotools/coco.py`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.fields import mapping, name_of
from omma.curate.formats.listing import Listing
from omma.curate.formats.locating import box_xywh, is_number, located
from omma.curate.formats.rows import json_object
from omma.curate.formats.sniff import beside
from omma.curate.reader import Broken, Names, Reader, attempt, parent
from omma.metrics.masks.rle import Rle, from_text, to_text
from omma.schema.sample import Caption, Media, Region, Sample

END = 1 << 16  # bytes at either end of a file that are looked at
LISTS = re.compile(rb'"(images|annotations)"\s*:\s*\[')
NAMES = re.compile(rb'"file_name"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class _Gathered:
    """What the annotations say of one picture."""

    captions: list[Caption] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    masks: dict[str, Any] = field(default_factory=dict)
    keypoints: dict[str, Any] = field(default_factory=dict)
    crowds: list[int] = field(default_factory=list)


@config
class Coco(Reader):
    """`path` is the JSON file. Pictures without annotations are samples too, with nothing to say."""

    path: str = "annotations.json"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """Broken annotations first, then one sample a picture in the order of the file."""
        file = self.place(root)
        fields, folder, names = json_object(file), parent(file, root), Names()
        images = _list(fields, "images", file.name)
        known: dict[Any, _Gathered] = {}
        for image in images:
            if isinstance(image, dict) and isinstance(image.get("id"), (int, str)):
                known[image["id"]] = _Gathered()
        categories = _categories(fields)
        for number, item in enumerate(_list(fields, "annotations", file.name)):
            try:
                _gather(item, known, categories)
            except DataError as error:
                yield Broken(f"{file.name}:annotations.{number}", f"{error.where}: {error.got}; expected {error.expected}")
        for number, image in enumerate(images):
            yield attempt(partial(self._sample, image, known, categories, folder, names), f"{file.name}:images.{number}")

    def _sample(self, image: Any, known: dict[Any, _Gathered], categories: dict[Any, Any], folder: str, names: Names) -> Sample:
        fields = mapping(image)
        found = known.get(fields.get("id"))
        if found is None:
            raise DataError("id", repr(fields.get("id"))[:40], "a number or a text")
        uri = self.picture(self.file_name(fields), folder)
        meta = {name: json.dumps(value) for name in ("masks", "keypoints", "crowds") if (value := getattr(found, name))}
        task = self.task or ("caption" if found.captions else "detection")
        captions, regions = tuple(found.captions), tuple(found.regions)
        turns = () if captions else located(regions, frozenset(found.crowds))
        meta |= self.more(fields, categories)
        return Sample(names.next(uri), "", task, (Media(uri),), turns, captions, regions, meta=dict(meta))

    def file_name(self, image: dict[str, Any]) -> str:
        """An item of `images` → the name of the picture."""
        return name_of(image, "file_name")

    def more(self, image: dict[str, Any], categories: dict[Any, Any]) -> dict[str, str]:
        """An item of `images` + categories by id → what else of it goes into `meta`."""
        return {}

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON objects with lists of images and annotations, other than LVIS."""
        for name in listing.ending(".json"):
            ends = coco_ends(listing, name)
            if ends and b'"neg_category_ids"' not in ends:
                yield cls(path=name, pictures=beside(listing, name, names_in(ends)))


def coco_ends(listing: Listing, name: str) -> bytes:
    """Name of a JSON file → its first and last bytes if it is laid out as COCO is, else nothing."""
    head = listing.head(name, END)
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or not LISTS.search(head):
        return b""
    with (listing.root / name).open("rb") as file:
        file.seek(max(0, (listing.root / name).stat().st_size - END))
        ends = head + file.read()
    said = any(mark in ends for mark in (b'"bbox"', b'"caption"', b'"segmentation"', b'"segments_info"'))
    return ends if said and b'"image_id"' in ends else b""


def names_in(text: bytes) -> list[str]:
    """Part of a COCO file → names of pictures in it."""
    names = [name for found in NAMES.findall(text)[:100] if (name := _unquoted(found))]
    if b'"segments_info"' in text:  # the masks of a panoptic set have names too, and are PNG
        return [name for name in names if not name.endswith(".png")] or names
    return names


def _unquoted(text: bytes) -> str:
    try:
        return str(json.loads(b'"' + text + b'"'))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return ""


def _list(fields: dict[str, Any], name: str, where: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        got = f"{name} is {type(value).__name__}" if name in fields else f"no {name} among {', '.join(list(fields)[:8]) or 'none'}"
        raise DataError(where, got, "a COCO file: lists of images and annotations")
    return value


def _categories(fields: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    items = fields.get("categories")
    named = (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))
    return {item["id"]: item for item in named if isinstance(item.get("id"), (int, str))}


def _gather(item: Any, known: dict[Any, _Gathered], categories: dict[Any, dict[str, Any]]) -> None:
    """One annotation → added to what is known of its picture. A panoptic one holds several segments."""
    fields = mapping(item)
    image = fields.get("image_id")
    found = known.get(image) if isinstance(image, (int, str)) else None
    if found is None:
        raise DataError("image_id", repr(image)[:40], "the id of one of the images")
    if "caption" in fields:
        if not isinstance(fields["caption"], str):
            raise DataError("caption", type(fields["caption"]).__name__, "text")
        found.captions.append(Caption(fields["caption"]))
    elif isinstance(fields.get("segments_info"), list):
        for segment in fields["segments_info"]:
            _add_region(mapping(segment), found, categories)
    else:
        _add_region(fields, found, categories)


def _add_region(fields: dict[str, Any], found: _Gathered, categories: dict[Any, dict[str, Any]]) -> None:
    category = fields.get("category_id")
    if not isinstance(category, (int, str)) or (categories and category not in categories):
        raise DataError("category_id", repr(category)[:40], "the id of one of the categories")
    kind, shape, number = categories.get(category, {}), fields.get("segmentation"), str(len(found.regions))
    rle = _rle(shape) if isinstance(shape, dict) else None
    if fields.get("bbox") is None and rle is None:
        return  # a label of the whole picture, as classification sets have it, is no place in it
    box = box_xywh(fields["bbox"], "bbox") if fields.get("bbox") else rle.box_xywh if rle else box_xywh(None, "bbox")
    points = _keypoints(fields.get("keypoints"), kind)
    polygon = _polygon(shape) if isinstance(shape, list) else ()
    found.regions.append(Region(0, box, "xywh", "px", str(kind.get("name", category)), polygon))
    if rle is not None:
        found.masks[number] = {"size": [rle.height, rle.width], "counts": to_text(rle)}
    if fields.get("iscrowd"):
        found.crowds.append(int(number))
    if points:
        found.keypoints[number] = points


def _polygon(rings: list[Any]) -> tuple[tuple[float, ...], ...]:
    for ring in rings:
        if not (isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0 and all(is_number(value) for value in ring)):
            raise DataError("segmentation", repr(ring)[:60], "rings of three and more corners: [x, y, x, y, ...]")
    return tuple(tuple(float(value) for value in ring) for ring in rings)


def _rle(shape: dict[str, Any]) -> Rle:
    """Run lengths, as numbers or compressed → the mask."""
    size, counts = shape.get("size"), shape.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size)):
        raise DataError("segmentation.size", repr(size)[:40], "[height, width]")
    if isinstance(counts, str):
        return from_text(counts, *size)
    if not (isinstance(counts, list) and all(isinstance(run, int) for run in counts)):
        raise DataError("segmentation.counts", type(counts).__name__, "run lengths, or their compressed text")
    return Rle(size[0], size[1], np.array(counts, np.int64))


def _keypoints(values: Any, kind: dict[str, Any]) -> list[list[Any]]:
    if not values:
        return []
    if not (isinstance(values, list) and len(values) % 3 == 0 and all(is_number(value) for value in values)):
        raise DataError("keypoints", repr(values)[:60], "x, y and visibility of each point")
    names = kind.get("keypoints")
    triples = [values[i : i + 3] for i in range(0, len(values), 3)]
    named = names if isinstance(names, list) and len(names) == len(triples) else [str(i) for i in range(len(triples))]
    return [[str(name), *triple] for name, triple in zip(named, triples, strict=True)]

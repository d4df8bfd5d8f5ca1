"""Placing: a region of a sample → its box in xyxy px of the upright picture."""

from typing import Any

from omma.core.errors import DataError
from omma.media.geometry import Box, from_frame, reorder, whole
from omma.metrics.structured import parse
from omma.schema.sample import Region, Sample

NUMBERED = ("masks", "keypoints", "crowds")  # of `meta`: JSON that names regions by their numbers, as the reader of COCO writes it
LETTERBOXED = "view_"  # frames that only a model's view defines
Meta = dict[str, str | int | float | bool]


def placed(region: Region, sample: Sample) -> Box:
    """Region + its sample → box, xyxy px. DataError if its frame is a model's, or its picture or that one's size is not known."""
    if region.frame.startswith(LETTERBOXED):
        raise DataError(sample.id, f"a region in frame {region.frame!r}", "px, unit or k1000 of the picture as stored")
    if not 0 <= region.media < len(sample.media):
        raise DataError(sample.id, f"a region in picture {region.media}", f"one of its {len(sample.media)} pictures, from 0 on")
    media = sample.media[region.media]
    if media.width < 1 or media.height < 1:
        raise DataError(sample.id, f"{media.uri} of unknown size", "width and height in px", "curate it first")
    return from_frame(reorder(region.box, region.order, "xyxy"), region.frame, whole(media.width, media.height))


def numbered(meta: Meta, name: str) -> dict[int, Any] | None:
    """What `meta` says of regions under one of the names in NUMBERED → by number; None if it says nothing of that form."""
    if name not in NUMBERED or not isinstance(meta.get(name), str):
        return None
    value = parse(str(meta[name]))
    numbers = list(value) if isinstance(value, dict | list) else [None]
    if not all(str(number).isdecimal() for number in numbers):
        return None
    return {int(str(number)): value[number] if isinstance(value, dict) else number for number in numbers}


def unnumbered(meta: Meta) -> Meta:
    """`meta` without what it says of regions by their numbers: for samples with other regions, or none."""
    return {key: value for key, value in meta.items() if key not in NUMBERED}

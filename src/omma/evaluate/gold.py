"""Gold: sample → what an answer to it is compared with: accepted texts, or a box in xyxy px of the upright picture."""

from omma.core.errors import DataError
from omma.media.geometry import from_frame, reorder, whole
from omma.schema.sample import Sample

Box = tuple[float, float, float, float]
LETTERBOXED = "view_"  # frames that only a model's view defines


def gold(sample: Sample) -> list[str] | list[float]:
    """Sample → its accepted texts, or the four corners of its box. DataError if it has neither."""
    if sample.answer is not None and sample.answer.region is not None:
        return list(gold_box(sample))
    if sample.answer is None or not sample.answer.texts:
        fix = "leave it out of the held-out set, or score its source by caption loss"
        raise DataError(sample.id, "no answer to compare with", "answer.texts or answer.region", fix)
    return list(sample.answer.texts)


def gold_box(sample: Sample) -> Box:
    """Sample with a region as its answer → that box in xyxy px. DataError if its frame or picture is not known."""
    assert sample.answer is not None and sample.answer.region is not None
    region = sample.answer.region
    if region.frame.startswith(LETTERBOXED):
        raise DataError(sample.id, f"an answer in frame {region.frame!r}", "px, unit or k1000 of the picture as stored")
    return from_frame(reorder(region.box, region.order, "xyxy"), region.frame, whole(*size(sample)))


def unit_box(box_xyxy_px: Box, sample: Sample) -> Box:
    """Box in px of the sample's picture → the same in fractions of its sides."""
    width, height = size(sample)
    x0, y0, x1, y1 = box_xyxy_px
    return x0 / width, y0 / height, x1 / width, y1 / height


def size(sample: Sample) -> tuple[int, int]:
    """Sample → (width, height) px of the picture that its answer's region lies in. DataError if unknown."""
    assert sample.answer is not None and sample.answer.region is not None
    index = sample.answer.region.media
    if not 0 <= index < len(sample.media):
        raise DataError(sample.id, f"a box in picture {index}", f"one of its {len(sample.media)} pictures, from 0 on")
    media = sample.media[index]
    if media.width < 1 or media.height < 1:
        raise DataError(sample.id, f"{media.uri} of unknown size", "width and height in px", "run `omma curate` on it")
    return media.width, media.height

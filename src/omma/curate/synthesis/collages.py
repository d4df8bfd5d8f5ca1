"""Collages: single-picture samples → samples of several pictures in which one is asked about, with a reply about a wrong one.

Sequences of 2 to 5, grids of 2 to 9 and a picture in a picture, as MIA-DPO (Liuziyu77/MIA-DPO). There a rejected reply is the
model's own where its attention strays; here it is the true reply about another picture, which needs no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from omma.core.errors import DataError
from omma.schema.sample import Media, Part, Region, Sample, Turn

VERSION = "1"
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Collage:
    """A picture of pictures, and the box (xyxy px) of each."""

    image: UInt8[np.ndarray, "h w 3"]
    boxes: tuple[Box, ...]


def grid(pictures: Sequence[UInt8[np.ndarray, "h w 3"]], cell: int = 224, gap: int = 4) -> Collage:
    """2 to 9 pictures → a collage of cells `cell` px a side, row by row, each picture whole and unbent in its cell."""
    if not 2 <= len(pictures) <= 9:
        raise DataError("grid", f"{len(pictures)} pictures", "2 to 9")
    columns = ceil(sqrt(len(pictures)))
    rows = ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * cell + (columns - 1) * gap, rows * cell + (rows - 1) * gap), (255, 255, 255))
    boxes = []
    for i, picture in enumerate(pictures):
        small = _fitted(picture, cell)
        x = i % columns * (cell + gap) + (cell - small.width) // 2
        y = i // columns * (cell + gap) + (cell - small.height) // 2
        sheet.paste(small, (x, y))
        boxes.append((float(x), float(y), float(x + small.width), float(y + small.height)))
    return Collage(np.array(sheet), tuple(boxes))


def inset(back: UInt8[np.ndarray, "h w 3"], front: UInt8[np.ndarray, "h w 3"], share: float = 0.5) -> Collage:
    """Two pictures → the second in the middle of the first, within `share` of its sides."""
    if not 0 < share < 1:
        raise DataError("inset", f"share {share}", "more than 0 and less than 1")
    sheet = Image.fromarray(back)
    width, height = sheet.size
    small = Image.fromarray(front)
    scale = min(share * width / small.width, share * height / small.height)
    small = small.resize((max(1, round(scale * small.width)), max(1, round(scale * small.height))), Image.Resampling.LANCZOS)
    x, y = (width - small.width) // 2, (height - small.height) // 2
    sheet.paste(small, (x, y))
    inner = (float(x), float(y), float(x + small.width), float(y + small.height))
    return Collage(np.array(sheet), ((0.0, 0.0, float(width), float(height)), inner))


def in_sequence(samples: Sequence[Sample], target: int) -> Sample:
    """2 to 5 samples of one picture and one question each → one that shows all and asks the target's question."""
    if not 2 <= len(samples) <= 5:
        raise DataError("in_sequence", f"{len(samples)} samples", "2 to 5")
    _check(samples, target)
    media = tuple(sample.media[0] for sample in samples)
    return _asked(samples, target, media, f"In the {ORDINALS[target]} picture: ", "sequence")


def in_collage(samples: Sequence[Sample], target: int, collage: Collage, uri: str) -> Sample:
    """Samples and the collage of their pictures, to be stored as `uri` → one that asks the target's question of it.

    A collage of two pictures of which one holds the other is an inset; every other is a grid, numbered row by row.
    """
    _check(samples, target)
    if len(collage.boxes) != len(samples):
        raise DataError("in_collage", f"{len(collage.boxes)} pictures for {len(samples)} samples", "one for each")
    outer, inner = collage.boxes[0], collage.boxes[1]
    nested = outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
    where = ("behind", "in the middle")[target] if nested else ORDINALS[target]
    words = f"In the picture {where}: " if nested else f"In the {where} picture of the grid: "
    height, width = collage.image.shape[:2]
    made = _asked(samples, target, (Media(uri, width=width, height=height),), words, "inset" if nested else "grid")
    return replace(made, regions=(Region(0, collage.boxes[target], label="asked about"),))


def _check(samples: Sequence[Sample], target: int) -> None:
    if not 0 <= target < len(samples):
        raise DataError("target", str(target), f"a number below {len(samples)}, the samples")
    for sample in samples:
        roles = tuple(turn.role for turn in sample.turns)
        if len(sample.media) != 1 or roles != ("user", "assistant") or sample.regions:
            got = f"{len(sample.media)} pictures, turns of {', '.join(roles) or 'nobody'}, {len(sample.regions)} regions"
            raise DataError(sample.id, got, "one picture, one question, one reply and no regions")


def _asked(samples: Sequence[Sample], target: int, media: tuple[Media, ...], words: str, kind: str) -> Sample:
    """The question of the target about `media`; rejected is the first reply about another picture that says something else."""
    asked, told = samples[target].turns
    others = [sample.turns[1] for sample in samples if sample.turns[1].text.strip().lower() != told.text.strip().lower()]
    if not others:
        raise DataError(samples[target].id, "the same reply to all pictures", "another reply about another picture")
    shown = tuple(Part("image", index=i) for i in range(len(media)))
    turns = (Turn("user", (*shown, Part("text", words + asked.text))), told)
    meta = samples[target].meta | {"origin": f"collages-{VERSION}", "kind": kind, "parent": samples[target].id}
    id = f"{samples[target].id}#{kind}:{len(samples)}:{target}"
    made = replace(samples[target], id=id, media=media, captions=(), turns=turns, chosen=(told,), rejected=(others[0],), meta=meta)
    return replace(made, task="preference")


def _fitted(picture: UInt8[np.ndarray, "h w 3"], side: int) -> Image.Image:
    image = Image.fromarray(picture)
    scale = side / max(image.size)
    return image.resize((max(1, round(scale * image.width)), max(1, round(scale * image.height))), Image.Resampling.LANCZOS)

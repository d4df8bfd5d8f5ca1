"""Referring masks (RefCOCO, ReasonSeg): one mask for one expression → cIoU, gIoU and precision.

cIoU is the sum of shared pixels over the sum of joint pixels, so that large objects weigh more (papers also call it oIoU);
gIoU is the mean IoU of masks. A reply is JSON: run lengths with their size, or a list of polygons; `null` and `[]` say that
nothing is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.detection.annotations import read_mask
from omma.metrics.masks.rle import Rle, encode, shared_pixels, without
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import read_json

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


def gold_mask(gold: Any, facts: Facts) -> Rle:
    """Gold as stored (runs, polygons; None or []: nothing, of the size in facts `height` and `width`) → mask."""
    size = (int(facts["height"]), int(facts["width"])) if "height" in facts else None
    if isinstance(gold, Rle) or gold:
        return read_mask(gold, size)
    if size is None:
        raise DataError("gold mask", "nothing, without a size", "facts `height` and `width`")
    return encode(np.zeros(size, bool))


def said_mask(value: Any, gold: Rle) -> Rle | None:
    """What a reply holds → a mask of the gold's size; None if it is malformed or of another size."""
    if value is None or value == []:
        return encode(np.zeros(gold.size_yx, bool))
    try:
        mask = read_mask(value, gold.size_yx)
    except DataError:
        return None
    return mask if mask.size_yx == gold.size_yx else None


@config
class ReferringMask(Metric):
    """cIoU first. Nothing said where nothing is: IoU 1 as with LISA, and no part in cIoU; the script named here has 0, but the
    sets it is for have something everywhere. Facts: `height`, `width` (where runs do not say
    them); `ignored`, a mask of pixels that count for neither side.

    A malformed mask, one of another size than the gold's and a reply that is no JSON score nothing, are unparsed, and the
    gold's pixels count as missed; "bad masks" is the share of the first two.
    """

    label: ClassVar[str] = "cIoU"
    source: ClassVar[str] = "yz93/LAVT-RIS test.py"
    ties: ClassVar[str] = "an overlap equal to a level reaches it"
    both_empty: ClassVar[float] = 1.0

    def extract(self, raw: str, facts: Facts) -> Mapping[str, Any] | None:
        value = read_json(raw)
        return {"mask": value} if value is not None or raw.strip() == "null" else None

    def match(self, said: Mapping[str, Any], gold: Any, facts: Facts) -> Mark:
        true = gold_mask(gold, facts)
        mask = said_mask(said["mask"], true)
        if mask is None:
            return self.missed(true, bad=1)
        if facts.get("ignored"):
            hidden = gold_mask(facts["ignored"], facts)
            true, mask = without(true, hidden), without(mask, hidden)
        both = shared_pixels(true, mask)
        either = true.area + mask.area - both
        value = self.ratio(both, either)
        return Mark(mask.area, value, {"both": both, "either": either, "bad": 0})

    def unread(self, gold: Any, facts: Facts) -> Mark:
        return self.missed(gold_mask(gold, facts), bad=0)

    def missed(self, true: Rle, bad: int) -> Mark:
        """The mark of a reply without a usable mask."""
        return Mark(None, 0.0, {"both": 0, "either": true.area, "bad": bad})

    def ratio(self, both: int, either: int) -> float:
        """Pixels shared and joint → IoU of one pair."""
        return both / either if either else self.both_empty

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        pixels = [(one.mark.details["both"], one.mark.details["either"]) for one in marked]
        return number(self.label, marked, pixels, lambda sums: sums[..., 0] / sums[..., 1]), *self.means(marked)

    def means(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """The numbers that are means over masks."""
        reached = [[one.mark.score >= level for level in LEVELS] for one in marked]
        rows = [(one.mark.score, *hits, one.mark.details["bad"], 1) for one, hits in zip(marked, reached, strict=True)]
        names = ("gIoU", *(f"Pr@{level}" for level in LEVELS), "bad masks")
        return tuple(
            number(name, marked, rows, lambda sums, place=place: sums[..., place] / sums[..., -1], higher_is_better=place < 6)
            for place, name in enumerate(names)
        )


@config
class ReasonSeg(ReferringMask):
    """gIoU and cIoU with LISA's small numbers: 10⁻⁵ joint pixels more in each mask, 10⁻¹⁰ in their sum, 10⁻⁵ masks more in
    the mean. Nothing said where nothing is: IoU 1.
    """

    label: ClassVar[str] = "gIoU"
    variant: ClassVar[str] = "lisa"
    source: ClassVar[str] = "dvlab-research/LISA train_ds.py, utils/utils.py"

    def ratio(self, both: int, either: int) -> float:
        return both / (either + 1e-5) + (either == 0)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        means = [(one.mark.score, 1.0) for one in marked]
        pixels = [(one.mark.details["both"], one.mark.details["either"]) for one in marked]
        return (
            number("gIoU", marked, means, lambda sums: sums[..., 0] / (sums[..., 1] + 1e-5)),
            number("cIoU", marked, pixels, lambda sums: sums[..., 0] / (sums[..., 1] + 1e-10)),
            *self.means(marked)[1:],
        )


@config
class GroundingSuiteMask(ReferringMask):
    """gIoU of GSEval. Nothing said where nothing is: IoU 0, as its script has it.

    That script leaves out what has no prediction or no picture file; here it counts, as wrong.
    """

    label: ClassVar[str] = "gIoU"
    source: ClassVar[str] = "hustvl/GroundingSuite evaluate_grounding.py"
    both_empty: ClassVar[float] = 0.0

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        return self.means(marked)

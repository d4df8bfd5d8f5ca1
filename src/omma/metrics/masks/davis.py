"""Video objects (DAVIS): a mask of every frame → region similarity J, contour accuracy F and their mean J&F.

J is the IoU of a frame. F compares outlines: the share of each that lies within a radius of the other, precision and recall,
and their harmonic mean. Source: davisvideochallenge/davis2017-evaluation `davis2017/metrics.py`, `davis2017/evaluation.py`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.masks.referring import gold_mask, said_mask
from omma.metrics.masks.rle import decode
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import read_json

BOUND = 0.008  # radius, of the diagonal
Mask = Bool[np.ndarray, "Y X"]


def region(said: Mask, gold: Mask) -> float:
    """Two masks of one size → J, their IoU; 1.0 if both are empty."""
    either = int((said | gold).sum())
    return int((said & gold).sum()) / either if either else 1.0


def contour(said: Mask, gold: Mask, bound: float = BOUND) -> float:
    """Two masks of one size → F of their outlines. `bound`: the radius in px (1 and more) or of the diagonal (rounded up).

    Both without an outline: 1.0; one without: 0.0.
    """
    radius = int(bound if bound >= 1 else math.ceil(bound * math.hypot(*said.shape)))
    own, true = outline(said), outline(gold)
    if not own.any() or not true.any():
        return float(not own.any() and not true.any())
    precision = int((own & grown(true, radius)).sum()) / int(own.sum())
    recall = int((true & grown(own, radius)).sum()) / int(true.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: Mask) -> Mask:
    """Mask → pixels that differ from the one to the right, below or across; half a pixel towards the first from the border."""
    right, below, across = np.zeros((3, *mask.shape), bool)
    right[:, :-1], below[:-1], across[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    found: Mask = (mask ^ right) | (mask ^ below) | (mask ^ across)
    found[-1] = mask[-1] ^ right[-1]
    found[:, -1] = mask[:, -1] ^ below[:, -1]
    found[-1, -1] = False
    return found


def grown(mask: Mask, radius: int) -> Mask:
    """Mask → every pixel within `radius` px of it."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    sums = np.pad(np.cumsum(mask, axis=1), ((0, 0), (1, 0)))
    columns = np.arange(width)
    for rise in range(min(radius, height - 1) + 1):
        half = math.isqrt(radius**2 - rise**2)
        wide = sums[:, np.minimum(columns + half + 1, width)] > sums[:, np.maximum(columns - half, 0)]
        found[rise:] |= wide[: height - rise]
        found[: height - rise] |= wide[rise:]
    return found


@config
class VideoObject(Metric):
    """J&F of one object over all frames: Ref-DAVIS, MeViS, Ref-YouTube-VOS. A reply is JSON, a list of masks (run lengths,
    polygons, null for none), one a frame; the gold likewise.

    A malformed frame, one of another size and one that is missing are empty, and counted in `details["bad"]`. Facts: `height`,
    `width` where masks do not say them; `void`, a list of masks of pixels that count for neither side. Recall is the share of
    frames above ½. Units of the interval are objects.
    """

    label: ClassVar[str] = "J&F"
    source: ClassVar[str] = "davisvideochallenge/davis2017-evaluation davis2017/metrics.py"

    def frames(self, masks: Sequence[Any]) -> Sequence[Any]:
        """The frames that are scored."""
        return masks

    def extract(self, raw: str, facts: Facts) -> list[Any] | None:
        value = read_json(raw)
        return value if isinstance(value, list) else None

    def match(self, said: list[Any], gold: Sequence[Any], facts: Facts) -> Mark:
        details = self._frame_by_frame(said, gold, facts)
        return Mark(len(said), (details["J"] + details["F"]) / 2, details)

    def unread(self, gold: Sequence[Any], facts: Facts) -> Mark:
        details = self._frame_by_frame([], gold, facts)
        return Mark(None, 0.0, dict.fromkeys(("J", "F", "J-recall", "F-recall"), 0.0) | {"bad": details["bad"]})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        names = ("J", "F", "J-recall", "F-recall")
        rows = [[one.mark.score, *(one.mark.details[name] for name in names), 1.0] for one in marked]
        return tuple(
            number(name, marked, rows, lambda sums, place=place: sums[..., place] / sums[..., 5])
            for place, name in enumerate((self.label, *names))
        )

    def _frame_by_frame(self, said: Sequence[Any], gold: Sequence[Any], facts: Facts) -> Mapping[str, float]:
        """J and F of the scored frames. Frames of a reply beyond the gold's are left out."""
        own = [*said[: len(gold)], *[_Missing] * (len(gold) - len(said))]
        void = facts.get("void") or [None] * len(gold)
        if len(void) != len(gold):
            raise DataError("facts.void", f"{len(void)} frames", f"{len(gold)} as the gold")
        kept = self.frames(list(zip(own, gold, void, strict=True)))
        if not kept:
            raise DataError("gold", f"{len(gold)} frames", "at least one that is scored")
        regions, contours, bad = [], [], 0
        for one, true, hidden in kept:
            gold_rle = gold_mask(true, facts)
            mask = None if one is _Missing else said_mask(one, gold_rle)
            bad += mask is None
            shown = np.zeros(gold_rle.size_yx, bool) if mask is None else decode(mask)
            seen = ~decode(gold_mask(hidden, facts)) if hidden else np.ones(gold_rle.size_yx, bool)
            pair = shown & seen, decode(gold_rle) & seen
            regions.append(region(*pair))
            contours.append(contour(*pair))
        values = {"J": float(np.mean(regions)), "F": float(np.mean(contours))}
        recalls = {"J-recall": float(np.mean(np.array(regions) > 0.5)), "F-recall": float(np.mean(np.array(contours) > 0.5))}
        return values | recalls | {"bad": bad}


class _Missing:
    """A frame that a reply does not have."""


@config
class Davis(VideoObject):
    """DAVIS, semi-supervised: the first frame is given and the last is not scored, so both are left out."""

    source: ClassVar[str] = "davisvideochallenge/davis2017-evaluation davis2017/evaluation.py"

    def frames(self, masks: Sequence[Any]) -> Sequence[Any]:
        return masks[1:-1]

"""Grounded conversation (GCG): phrases with masks against labelled masks → mask AP, mean IoU and recall with text likeness.

A reply is JSON `{"phrases": […], "masks": […]}`, the k-th mask that of the k-th phrase; the gold `{"labels": […], "masks":
[…]}`. Source: mbzuai-oryx/groundingLMM `eval/gcg/evaluate.py` at dd7ad1a. Its likeness is the cosine of mean BERT states,
which this room cannot compute: record it with the reply (`Recorded`), or take the words (`SharedWords`), and say which.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from omma.core.config import Config, config
from omma.metrics.detection.coco import CocoMask
from omma.metrics.masks.referring import gold_mask, said_mask
from omma.metrics.masks.rle import Rle, mask_iou
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import is_number, read_json


@config
class Likeness(Config):
    """How alike labels and phrases are."""

    def of(self, labels: Sequence[str], phrases: Sequence[str], reply: Mapping[str, Any]) -> Float[np.ndarray, "L P"]:
        """Gold labels + said phrases + the whole reply → likeness of each pair, in [0, 1]."""
        raise NotImplementedError(f"{type(self).__name__} compares nothing yet")


@config
class SharedWords(Likeness):
    """F1 of the two sets of lower-case words."""

    def of(self, labels: Sequence[str], phrases: Sequence[str], reply: Mapping[str, Any]) -> Float[np.ndarray, "L P"]:
        first, second = ([set(text.lower().split()) for text in texts] for texts in (labels, phrases))
        table = [[2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0 for b in second] for a in first]
        return np.array(table, float).reshape(len(labels), len(phrases))


@config
class Recorded(Likeness):
    """`reply["likeness"]`: a row per gold label, a number per phrase, made by any encoder. A table of another shape is all 0."""

    def of(self, labels: Sequence[str], phrases: Sequence[str], reply: Mapping[str, Any]) -> Float[np.ndarray, "L P"]:
        rows = reply.get("likeness")
        fits = isinstance(rows, list) and len(rows) == len(labels)
        if not fits or not all(
            isinstance(row, list) and len(row) == len(phrases) and all(map(is_number, row)) for row in rows or []
        ):
            return np.zeros((len(labels), len(phrases)))
        return np.array(rows, float).reshape(len(labels), len(phrases))


def mean_paired_iou(overlaps: Float[np.ndarray, "A B"]) -> float:
    """IoU of every pair → mean of those taken greedily, each row and column once, while any is above 0; 0.0 without any."""
    left, taken = overlaps.copy(), []
    while left.size and left.max() > 0:
        row, column = np.unravel_index(left.argmax(), left.shape)
        taken.append(float(left[row, column]))
        left[row], left[:, column] = 0, 0
    return sum(taken) / len(taken) if taken else 0.0


def paired(
    overlaps: Float[np.ndarray, "G S"], likeness: Float[np.ndarray, "L P"], least_overlap: float, least_likeness: float
) -> list[tuple[int, int]]:
    """IoU of gold and said masks + likeness of labels and phrases → pairs found, best IoU first.

    As in the script, the search ends with the first best pair that fails in either; and a best pair without a label or a
    phrase of its number leaves the picture without any.
    """
    left, pairs = overlaps.copy(), []
    while left.size:
        row, column = (int(place) for place in np.unravel_index(left.argmax(), left.shape))
        if left[row, column] < least_overlap:
            break
        if row >= likeness.shape[0] or column >= likeness.shape[1]:
            return []
        if likeness[row, column] < least_likeness:
            break
        pairs.append((row, column))
        left[row], left[:, column] = 0, 0
    return pairs


@config
class Gcg(Metric):
    """AP50, AP, mIoU and recall of GLaMM's GCG. Every said mask has score 1; masks of another size are bad and counted.

    Facts: `height`, `width` where masks do not say them. AP and AP50 come with an interval over pictures.
    """

    likeness: Likeness = SharedWords()

    label: ClassVar[str] = "mIoU"
    source: ClassVar[str] = "mbzuai-oryx/groundingLMM eval/gcg/evaluate.py"
    ties: ClassVar[str] = "of equal overlaps the pair whose gold, then whose phrase is named first"

    def extract(self, raw: str, facts: Facts) -> Mapping[str, Any] | None:
        value = read_json(raw)
        fits = isinstance(value, dict) and isinstance(value.get("masks"), list) and isinstance(value.get("phrases"), list)
        return value if fits else None

    def match(self, said: Mapping[str, Any], gold: Any, facts: Facts) -> Mark:
        true = [gold_mask(mask, facts) for mask in gold["masks"]]
        masks = [said_mask(mask, true[0]) if true else None for mask in said["masks"]]
        phrases = [text if isinstance(text, str) else "" for text in said["phrases"]]
        overlaps = np.array([[0.0 if mask is None else mask_iou(own, mask) for mask in masks] for own in true])
        overlaps = overlaps.reshape(len(true), len(masks))
        pairs = paired(overlaps, self.likeness.of(gold["labels"], phrases, said), 0.5, 0.5)
        return Mark(len(masks), mean_paired_iou(overlaps.T), self._details(true, masks, len(gold["labels"]), len(pairs)))

    def unread(self, gold: Any, facts: Facts) -> Mark:
        return Mark(None, 0.0, self._details([gold_mask(mask, facts) for mask in gold["masks"]], [], len(gold["labels"]), 0))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        rows = [
            (one.mark.score, one.mark.details["hits"], one.mark.details["labels"], one.mark.details["bad"], 1) for one in marked
        ]
        miou = number("mIoU", marked, rows, lambda sums: sums[..., 0] / sums[..., 4])
        recall = number("recall", marked, rows, lambda sums: sums[..., 1] / sums[..., 2])
        bad = number(
            "bad masks a picture", marked, rows, lambda sums: sums[..., 3] / sums[..., 4], higher_is_better=False, unit="points"
        )
        plain = [Marked(one.id, one.mark.details["true"], {"categories": [1]}, one.mark) for one in marked]
        ap, ap50 = CocoMask().aggregate(plain)[:2]
        return ap50, miou, recall, ap, bad

    def _details(self, true: Sequence[Rle], masks: Sequence[Rle | None], labels: int, hits: int) -> dict[str, Any]:
        found = [{"category_id": 1, "segmentation": mask, "score": 1.0} for mask in masks if mask is not None]
        notes = [{"category_id": 1, "segmentation": mask, "area": mask.area} for mask in true]
        return {"found": found, "true": notes, "bad": len(masks) - len(found), "labels": labels, "hits": hits}

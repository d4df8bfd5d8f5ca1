"""Referring boxes (RefCOCO, RefCOCO+, RefCOCOg, ReferIt): one box for one expression → the share with IoU of at least ½."""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.metrics.box import generalized_iou, inclusive_iou, iou, notebook_iou
from omma.metrics.boxes.written import BoxFormat, Corners, PlainPixels, Reading
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, mean, number


@config
class RefCoco(Metric):
    """Precision@1: the first box of the reply against the gold box (xyxy px, continuous corners). Each expression is a sample.

    A reply without a box, and a first box that is bad (corners in the wrong order, no area, not a number), is wrong and
    unparsed; "bad boxes" says how many were the latter. Facts: `width`, `height` and, where the format needs the size that
    the model saw, `seen_width`, `seen_height`.
    """

    format: BoxFormat = PlainPixels()
    threshold: float = 0.5

    label: ClassVar[str] = "Acc"
    source: ClassVar[str] = "QwenLM/Qwen-VL eval_mm/evaluate_grounding.py"
    ties: ClassVar[str] = "an overlap equal to the threshold is right"

    def check(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError("RefCoco.threshold", str(self.threshold), "above 0, at most 1")

    def overlap(self, said: Corners, gold: Sequence[float]) -> float:
        """How far two boxes agree."""
        return iou(said, gold)

    def extract(self, raw: str, facts: Facts) -> Reading | None:
        reading = self.format.of(raw, facts)
        return reading if reading.found else None

    def match(self, said: Reading, gold: Sequence[float], facts: Facts) -> Mark:
        box = said.found[0]
        if box is None:
            return Mark(None, 0.0, {"iou": 0.0, "bad": 1})
        shared = self.overlap(box, gold)
        return Mark(box, float(shared >= self.threshold), {"iou": shared, "bad": 0, "box": box})

    def unread(self, gold: Sequence[float], facts: Facts) -> Mark:
        return Mark(None, 0.0, {"iou": 0.0, "bad": 0})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        shared = [(one.mark.details["iou"], 1.0) for one in marked]
        bad = [(one.mark.details["bad"], 1.0) for one in marked]
        return (
            mean(f"{self.label}@{self.threshold:g}", marked),
            number("mean IoU", marked, shared, lambda sums: sums[..., 0] / sums[..., 1]),
            number("bad boxes", marked, bad, lambda sums: sums[..., 0] / sums[..., 1], higher_is_better=False),
        )


@config
class RefCocoNotebook(RefCoco):
    """Boxes that share one row or column of pixels, or less, share nothing: the rule of refer's notebook."""

    variant: ClassVar[str] = "refer notebook"
    source: ClassVar[str] = "lichengunc/refer pyEvalDemo.ipynb"

    def overlap(self, said: Corners, gold: Sequence[float]) -> float:
        return notebook_iou(said, gold)


@config
class RefCocoInclusive(RefCoco):
    """Corners are the first and last pixels of a box, so that each side is one longer, as in Pascal VOC."""

    variant: ClassVar[str] = "inclusive pixels"
    source: ClassVar[str] = "Pascal VOC devkit, VOCevaldet.m"

    def overlap(self, said: Corners, gold: Sequence[float]) -> float:
        return inclusive_iou(said, gold)


@config
class RefCocoMdetr(RefCoco):
    """Generalized IoU instead of IoU, which is stricter where boxes do not fill the box around them. The mean is of it too."""

    variant: ClassVar[str] = "mdetr"
    source: ClassVar[str] = "ashkamath/mdetr datasets/refexp.py"

    def overlap(self, said: Corners, gold: Sequence[float]) -> float:
        return generalized_iou(said, gold)


@config
class GroundingSuiteBox(RefCoco):
    """GSEval's Acc@0.5 for boxes. Its script leaves out what has no prediction or no picture file; here it counts, as wrong."""

    source: ClassVar[str] = "hustvl/GroundingSuite evaluate_grounding.py"

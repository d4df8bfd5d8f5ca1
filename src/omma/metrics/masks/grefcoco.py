"""gRefCOCO: expressions for any number of objects, none among them → gIoU, cIoU, N-acc, T-acc and precision.

Source: henghuiding/ReLA `gres_model/evaluation/refer_evaluation.py` at 1e6e888.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.masks.referring import ReferringMask, gold_mask, said_mask
from omma.metrics.masks.rle import Rle, shared_pixels
from omma.metrics.metric import Facts, Mark, Marked, Number, number

LEVELS = (0.7, 0.8, 0.9)


@config
class GRefCoco(ReferringMask):
    """A gold without pixels is a no-target expression. A reply says "no target" with `{"no_target": true, "mask": …}`, or
    with an empty mask where it does not speak of it.

    No target, and so said: IoU 1, and no part in cIoU, whatever the mask. No target, and not so said: IoU 0, its pixels are
    joint ones. A target, and "no target" said: nothing shared. An unread reply is wrong in every number. N-acc and T-acc are
    NaN where the set has no such expressions (the script prints 0).
    """

    label: ClassVar[str] = "gIoU"
    source: ClassVar[str] = "henghuiding/ReLA gres_model/evaluation/refer_evaluation.py"
    ties: ClassVar[str] = "an overlap equal to a level reaches it"

    def match(self, said: Mapping[str, Any], gold: Any, facts: Facts) -> Mark:
        true, value = gold_mask(gold, facts), said["mask"]
        told = isinstance(value, dict) and "no_target" in value
        mask = said_mask(value.get("mask") if told else value, true)
        if mask is None:
            return self.missed(true, bad=1)
        none_said = bool(value["no_target"]) if told else mask.area == 0
        both = 0 if none_said else shared_pixels(true, mask)
        either = true.area + mask.area - shared_pixels(true, mask)
        if not true.area:
            score, either = float(none_said), 0 if none_said else mask.area
            right = none_said
        else:
            score, right = both / either, not none_said
        return Mark(mask.area, score, {"both": both, "either": either, "bad": 0, "target": bool(true.area), "right": right})

    def missed(self, true: Rle, bad: int) -> Mark:
        details = {"both": 0, "either": true.area, "bad": bad, "target": bool(true.area), "right": False}
        return Mark(None, 0.0, details)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        rows = []
        for one in marked:
            facts, score = one.mark.details, one.mark.score
            target = facts["target"]
            own = [score, facts["both"], facts["either"], facts["right"] and not target, facts["right"] and target]
            rows.append([1, target, not target, *own, *(target and score >= level for level in LEVELS), facts["bad"]])

        def ratio(name: str, top: int, bottom: int) -> Number:
            return number(name, marked, rows, lambda sums: sums[..., top] / sums[..., bottom], higher_is_better=top < 11)

        precision = (ratio(f"Pr@{level}", 8 + place, 1) for place, level in enumerate(LEVELS))
        return (
            ratio("gIoU", 3, 0),
            ratio("cIoU", 4, 5),
            ratio("N-acc", 6, 2),
            ratio("T-acc", 7, 1),
            *precision,
            ratio("bad masks", 11, 0),
        )

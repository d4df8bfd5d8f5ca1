"""ODinW: detections in 13 or 35 small sets → the mean of their COCO box APs, each set counting once."""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.detection.coco import CocoBox
from omma.metrics.metric import Marked, Number, grouped


@config
class Odinw(CocoBox):
    """Mean over sets of AP, then AP of each set by its name. Facts beside those of COCO: `dataset`.

    Each set's AP has an interval, the mean has none (NaN). A set in which nothing can be found is an error, not left out.
    """

    label: ClassVar[str] = "mean AP"
    source: ClassVar[str] = "microsoft/GLIP tools/test_grounding_net.py, COCO box AP per set"

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not marked:
            raise DataError(self.label, "no pictures to score", "at least one")
        sets = {name: ones for (name,), ones in sorted(grouped(marked, "dataset").items())}
        numbers = [super(Odinw, self).aggregate(ones)[0] for ones in sets.values()]
        for name, number in zip(sets, numbers, strict=True):
            if math.isnan(number.value):
                raise DataError(f"{self.label}, set {name}", "no object in any picture", "at least one object to find")
        mean = sum(number.value for number in numbers) / len(numbers)
        unparsed = sum(number.unparsed for number in numbers)
        first = Number(self.label, mean, len(marked), unparsed, math.nan, math.nan)
        own = (
            Number(f"AP {name}", one.value, one.count, one.unparsed, one.low, one.high)
            for name, one in zip(sets, numbers, strict=True)
        )
        return first, *own

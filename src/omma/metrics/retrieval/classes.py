"""Classes: scores of a picture for every class → top-1, top-5 and the mean over classes. Zero-shot classification.

LAION-AI/CLIP_benchmark, `clip_benchmark/metrics/zeroshot_classification.py` at 48de38c (acc1, acc5, mean_per_class_recall).
"""

from collections.abc import Sequence

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, mean, number
from omma.metrics.structured import as_numbers, parse

FEW = 5


def rank_of_class(scores: Sequence[float], right: int) -> int:
    """Scores of all classes + place of the right one → its rank, 0 for the first; of equals the earlier class comes first."""
    values = np.asarray(scores, float)
    return int((values > values[right]).sum() + (values[:right] == values[right]).sum())


@config
class Classified(Metric):
    """Top-1, top-5 and top-1 averaged over classes. A reply is JSON: a score for each class, in order.

    Gold is the place of the right class, or a list of places of which the best counts (a class of its own then is the
    first). Fact: "candidates", how many classes there are; a reply with another number is unparsed.
    """

    label = "top-1"
    source = "LAION-AI/CLIP_benchmark clip_benchmark/metrics/zeroshot_classification.py"
    ties = "of equal scores the earlier class comes first, so that a constant score finds one class"

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        said = as_numbers(parse(raw))
        return said if said and len(said) == facts["candidates"] else None

    def match(self, said: list[float], gold: int | Sequence[int], facts: Facts) -> Mark:
        rank = min(rank_of_class(said, place) for place in ([gold] if isinstance(gold, int) else gold))
        return Mark(rank, float(rank < 1), {"few": float(rank < FEW)})

    def unread(self, gold: int | Sequence[int], facts: Facts) -> Mark:
        return Mark(None, 0.0, {"few": 0.0})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        whole = mean(self.label, marked)
        few = number(
            f"top-{FEW}", marked, [(one.mark.details["few"], 1.0) for one in marked], lambda sums: sums[..., 0] / sums[..., 1]
        )
        classes: dict[int, list[float]] = {}
        for one in marked:
            classes.setdefault(one.gold if isinstance(one.gold, int) else one.gold[0], []).append(one.mark.score)
        shares = [(sum(scores) / len(scores), 1.0) for scores in classes.values()]
        each = number("mean per class", marked, shares, lambda sums: sums[..., 0] / sums[..., 1])
        return whole, few, each

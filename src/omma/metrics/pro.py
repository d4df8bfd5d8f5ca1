"""PRO: maps of anomaly scores + true masks → per-region overlap, and AUROC and average precision of pixels.

Per-region overlap is MVTec AD's (Bergmann et al. 2021, section 5.2; `pro_curve_util.py` and `generic_util.py` of the evaluation
code): the mean overlap with each connected anomaly, averaged over false-alarm rates from 0 to a limit.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.auroc import auroc, average_precision
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number
from omma.metrics.structured import as_numbers, parse

FALSE_ALARMS = 0.3


def pro(
    maps: Sequence[Float[np.ndarray, "H W"]], masks: Sequence[Bool[np.ndarray, "H W"]], false_alarms: float = FALSE_ALARMS
) -> float:
    """Anomaly maps + true masks → area under per-region overlap up to a share of normal pixels, in [0, 1].

    Each connected region (8 neighbours) counts alike, whatever its size. NaN without normal pixels or without regions.
    """
    weights, normal = [], []
    num_regions = 0
    for mask in masks:
        labels = regions(mask)
        sizes = np.bincount(labels.ravel())
        num_regions += len(sizes) - 1
        weights.append(np.where(labels > 0, 1 / sizes[labels], 0.0).ravel())
        normal.append((labels == 0).ravel())
    if not num_regions or not any(part.any() for part in normal):
        return math.nan
    scores, inverse = np.unique(-np.concatenate([np.asarray(one, float).ravel() for one in maps]), return_inverse=True)
    rise = np.bincount(inverse, np.concatenate(weights), minlength=len(scores)) / num_regions
    alarms = np.bincount(inverse, np.concatenate(normal), minlength=len(scores))
    across, up = (np.concatenate([[0.0], np.cumsum(part).clip(max=1)]) for part in (alarms / alarms.sum(), rise))
    inside = across <= false_alarms
    end = np.interp(false_alarms, across, up)
    return float(np.trapezoid([*up[inside], end], [*across[inside], false_alarms]) / false_alarms)


def regions(mask: Bool[np.ndarray, "H W"]) -> np.ndarray:
    """Mask → the same size with 0 outside and a number from 1 on for each connected region (8 neighbours)."""
    mask = np.asarray(mask, bool)
    parents = np.arange(mask.size).reshape(mask.shape)
    rows, columns = mask.shape
    parents[~mask] = mask.size
    padded = np.full((rows + 2, columns + 2), mask.size)
    while True:
        padded[1:-1, 1:-1] = parents
        views = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
        lowest = np.where(mask, np.minimum.reduce(views), mask.size)
        roots = np.append(lowest.ravel(), mask.size)
        lowest = np.where(mask, roots[lowest], mask.size)
        if (lowest == parents).all():
            break
        parents = lowest
    _, numbers = np.unique(np.append(parents.ravel(), mask.size), return_inverse=True)
    return np.where(mask, numbers[:-1].reshape(mask.shape) + 1, 0)


@config
class AnomalyMaps(Metric):
    """Per-region overlap first, then AUROC and average precision over all pixels; without intervals.

    A reply is JSON: rows of scores. Gold: rows of 0 and 1, as many and as long. A map that cannot be read or has another
    size is unparsed: its anomalies lie below every other pixel and its normal pixels above.
    """

    label = "PRO"
    source = "MVTec AD evaluation code, pro_curve_util.py"
    ties = "pixels with equal scores are found together"

    def extract(self, raw: str, facts: Facts) -> list[list[float]] | None:
        rows = parse(raw)
        table = [as_numbers(row) for row in rows] if isinstance(rows, list) else []
        found = [row for row in table if row]
        return found if found and len(found) == len(table) and len({len(row) for row in found}) == 1 else None

    def match(self, said: list[list[float]], gold: Sequence[Sequence[int]], facts: Facts) -> Mark:
        scores = np.array(said)
        return Mark(said, math.nan, {"map": scores}) if scores.shape == np.shape(gold) else self.unread(gold, facts)

    def unread(self, gold: Sequence[Sequence[int]], facts: Facts) -> Mark:
        return Mark(None, math.nan, {"map": np.where(np.asarray(gold, bool), -np.inf, np.inf)})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        masks = [np.asarray(one.gold, bool) for one in marked]
        if not any(mask.any() for mask in masks) or all(mask.all() for mask in masks):
            raise DataError(self.label, f"{len(masks)} masks of one kind of pixel", "anomalous and normal pixels")
        maps = [one.mark.details["map"] for one in marked]
        scores, truth = (np.concatenate([one.ravel() for one in parts]) for parts in (maps, masks))
        unparsed = sum(not one.mark.parsed for one in marked)
        values = {
            self.label: pro(maps, masks),
            "pixel AUROC": auroc(scores, truth),
            "pixel average precision": average_precision(scores, truth),
        }
        return tuple(Number(name, value, len(marked), unparsed, math.nan, math.nan) for name, value in values.items())

"""AUROC: anomaly scores + which are anomalous → area under the ROC curve (ties count half), average precision, per-region overlap.

For pictures give one score each, for pixels all pixels of all maps. Average precision is that of scikit-learn: the steps
of the precision-recall curve, equals entering together. Per-region overlap is MVTec AD's (Bergmann et al. 2021,
`pro_curve_util.py` of the evaluation code): mean overlap with the connected anomalies up to a share of false alarms.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number
from omma.metrics.structured import as_number, parse

FALSE_ALARMS = 0.3
RESAMPLES, ROUNDS = 1000, 10

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def auroc(scores: Float[np.ndarray, " N"] | Sequence[float], anomalous: Bool[np.ndarray, " N"] | Sequence[bool]) -> float:
    """Chance that an anomalous score is above a normal one, half counted if they are equal. NaN without both kinds."""
    hits, misses = _by_score(scores, anomalous)
    return float(_area(hits, misses))


def average_precision(
    scores: Float[np.ndarray, " N"] | Sequence[float], anomalous: Bool[np.ndarray, " N"] | Sequence[bool]
) -> float:
    """Precision at every score from the highest down, weighed by the recall that it adds. NaN without anomalies."""
    return float(_precision(*_by_score(scores, anomalous)))


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
class AnomalyDetection(Metric):
    """AUROC of pictures, then average precision. A reply is JSON: an anomaly score. Gold: whether the picture is anomalous.

    An unparsed score lies below every other for an anomalous picture and above every other for a normal one.
    """

    label = "AUROC"
    source = "scikit-learn sklearn/metrics/_ranking.py"
    ties = "half"

    def extract(self, raw: str, facts: Facts) -> float | None:
        return as_number(parse(raw))

    def match(self, said: float, gold: Any, facts: Facts) -> Mark:
        return Mark(said, math.nan, {"score": said})

    def unread(self, gold: Any, facts: Facts) -> Mark:
        return Mark(None, math.nan, {"score": -math.inf if gold else math.inf})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        truth = np.array([bool(one.gold) for one in marked])
        if truth.all() or not truth.any():
            raise DataError(self.label, f"{truth.sum()} anomalous pictures of {len(truth)}", "some of each kind")
        hits, misses = _by_score([one.mark.details["score"] for one in marked], truth)
        unparsed = sum(not one.mark.parsed for one in marked)
        rules = {self.label: _area, "average precision": _precision}
        return tuple(
            Number(name, float(rule(hits, misses)), len(marked), unparsed, *_interval(hits, misses, rule, name))
            for name, rule in rules.items()
        )


def _by_score(scores: Any, anomalous: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores + truth → anomalous and normal counts at each different score, the highest first."""
    values, places = np.unique(-np.asarray(scores, float), return_inverse=True)
    truth = np.asarray(anomalous, bool)
    hits = np.bincount(places, truth, minlength=len(values))
    return hits, np.bincount(places, ~truth, minlength=len(values))


def _interval(hits: np.ndarray, misses: np.ndarray, rule: Rule, name: str) -> tuple[float, float]:
    """Counts at each score → 95% bootstrap interval: pictures are drawn by what kind they are and where they stand."""
    cells = np.concatenate([hits, misses])
    total = int(cells.sum())
    random = np.random.default_rng(zlib.crc32(name.encode()))
    rounds = [random.multinomial(total, cells / total, size=RESAMPLES // ROUNDS) for _ in range(ROUNDS)]
    drawn = np.concatenate([rule(*np.split(draws, 2, axis=-1)) for draws in rounds])
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _precision(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    share = np.cumsum(hits, axis=-1) / np.maximum(np.cumsum(hits + misses, axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (hits * share).sum(axis=-1) / hits.sum(axis=-1)


def _area(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    above = np.cumsum(hits, axis=-1) - hits / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return (above * misses).sum(axis=-1) / (hits.sum(axis=-1) * misses.sum(axis=-1))

"""AUROC: anomaly scores + which are anomalous → area under the ROC curve (ties count half), average precision.

For pictures give one score each, for pixels all pixels of all maps. Average precision is that of scikit-learn: the steps
of the precision-recall curve, equals entering together.
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

"""Curves: matched detections → precision at 101 recalls and recall, per category, and their means; a bootstrap over pictures.

Source: cocodataset/cocoapi `PythonAPI/pycocotools/cocoeval.py` (`accumulate`, `summarize`) at 8c9bcc3. A category without
a real object in a size range has no value there (NaN) and no part in a mean. Ties of scores: the picture that sorts first.
"""

import zlib

import numpy as np
from jaxtyping import Float

from omma.metrics.detection.matching import Matched

RECALLS = np.linspace(0.0, 1.0, 101)
EPS = np.spacing(1)
RESAMPLES = 200


def precision(matched: Matched, num_categories: int) -> Float[np.ndarray, "K A T R"]:
    """Matched detections → precision, made to fall, where each of 101 recalls is first reached; 0 where it never is."""
    order = np.lexsort((-matched.score, matched.category))
    edges = np.searchsorted(matched.category[order], np.arange(num_categories + 1))
    real = num_real(matched, num_categories)
    table = np.full((*real.shape, matched.hit.shape[2], RECALLS.size), np.nan)
    for category, area in np.argwhere(real > 0):
        members = order[edges[category] : edges[category + 1]]
        counted = ~matched.ignored[members, area].T
        hit = matched.hit[members, area].T
        right, wrong = np.cumsum(hit & counted, axis=1, dtype=float), np.cumsum(~hit & counted, axis=1, dtype=float)
        value = right / (wrong + right + EPS)
        value = np.maximum.accumulate(value[:, ::-1], axis=1)[:, ::-1]
        reached = right / real[category, area]
        for level in range(len(value)):
            place = np.searchsorted(reached[level], RECALLS)
            table[category, area, level] = np.append(value[level], 0.0)[place]
    return table


def recall(matched: Matched, num_categories: int, most: int) -> Float[np.ndarray, "K A T"]:
    """Matched detections → share of real objects found by the first `most` detections of each cell."""
    kept = matched.rank < most
    right = (matched.hit & ~matched.ignored)[kept].astype(float)
    found = np.zeros((num_categories, *right.shape[1:]))
    np.add.at(found, matched.category[kept], right)
    real = num_real(matched, num_categories)[..., None].astype(float)
    return np.divide(found, real, out=np.full(found.shape, np.nan), where=real > 0)


def num_real(matched: Matched, num_categories: int) -> np.ndarray:
    """Matched detections → objects that count, per category and size range (K, A)."""
    table = np.zeros((num_categories, matched.real.shape[1]), int)
    np.add.at(table, matched.real_category, matched.real)
    return table


def average(values: np.ndarray) -> float:
    """Mean of the values that exist; NaN if none does (COCO prints −1 for it)."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")


def intervals(matched: Matched, num_categories: int, num_pictures: int, seed: str) -> Float[np.ndarray, "2 T+1"]:
    """Matched detections → low and high of AP over all thresholds, then of each threshold (95%), size range 0.

    200 resamples of whole pictures; a category that a resample lacks has no part in its mean.
    """
    order = np.lexsort((-matched.score, matched.category))
    picture, category = matched.picture[order], matched.category[order]
    counted = ~matched.ignored[order, 0].T
    right, wrong = matched.hit[order, 0].T & counted, ~matched.hit[order, 0].T & counted
    real = matched.real[:, 0]
    random = np.random.default_rng(zlib.crc32(seed.encode()))
    draws = []
    for _ in range(RESAMPLES):
        weight = np.bincount(random.integers(num_pictures, size=num_pictures), minlength=num_pictures).astype(float)
        there = np.bincount(matched.real_category[real], weight[matched.real_picture[real]], num_categories)
        levels = [_weighted(r, w, weight[picture], category, there) for r, w in zip(right, wrong, strict=True)]
        draws.append([np.mean(levels), *levels])
    table = np.array(draws)
    kept = table[np.isfinite(table[:, 0])]
    if not len(kept):
        return np.full((2, matched.hit.shape[2] + 1), np.nan)
    return np.asarray(np.quantile(kept, [0.025, 0.975], axis=0))


def _weighted(right: np.ndarray, wrong: np.ndarray, weight: np.ndarray, category: np.ndarray, there: np.ndarray) -> float:
    """AP of one threshold with pictures counted `weight` times: all categories on one axis, each raised above the last."""
    kept = there[category] > 0
    category, share = category[kept], there[category[kept]]
    found, lost = (_running((flags * weight)[kept], category) for flags in (right, wrong))
    height = 2.0 * (len(there) - category)  # precision falls from category to category, recall rises
    value = np.maximum.accumulate((found / (found + lost + EPS) + height)[::-1])[::-1] - height
    present = np.flatnonzero(there > 0)
    if not present.size:
        return float("nan")
    asked = (RECALLS[None, :] + 2.0 * present[:, None]).ravel()
    place = np.searchsorted(found / share + 2.0 * category, asked - 1e-12)
    ends = np.repeat(np.searchsorted(category, present, side="right"), RECALLS.size)
    return float(np.where(place < ends, np.append(value, 0.0)[place], 0.0).mean())


def _running(amounts: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Running sum within each category."""
    sums = np.cumsum(amounts)
    starts = np.searchsorted(category, category)
    return sums - np.concatenate([[0.0], sums])[starts]

"""Curves: matched detections → precision at 101 recalls and recall, per category, and their means; a bootstrap over pictures.

Source: cocodataset/cocoapi `PythonAPI/pycocotools/cocoeval.py` (`accumulate`, `summarize`) at 8c9bcc3. A category without
a real object in a size range has no value there (NaN) and no part in a mean. Ties of scores: the picture that sorts first.
"""

import zlib
from dataclasses import dataclass

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

    200 resamples of whole pictures; a category that a resample lacks has no part in its mean. Fewer distinct pictures raise
    the envelope of precision, so the draws are moved until their mean is the value itself, and cut to [0, 1].
    """
    order = np.lexsort((-matched.score, matched.category))
    if not order.size:
        return np.full((2, matched.hit.shape[2] + 1), 0.0 if matched.real[:, 0].any() else np.nan)
    levels = [_level(matched, order, level) for level in range(matched.hit.shape[2])]
    real = matched.real[:, 0]
    picture, category = matched.real_picture[real], matched.real_category[real]
    random = np.random.default_rng(zlib.crc32(seed.encode()))
    draws = [np.bincount(random.integers(num_pictures, size=num_pictures), minlength=num_pictures) for _ in range(RESAMPLES)]

    def of(weight: np.ndarray) -> list[float]:
        there = np.bincount(category, weight[picture], num_categories)
        return [_weighted(level, weight, there) for level in levels]

    whole, table = np.array(of(np.ones(num_pictures))), np.array([of(weight.astype(float)) for weight in draws])
    table = np.concatenate([table.mean(axis=1, keepdims=True), table], axis=1)[np.isfinite(table[:, 0])]
    if not len(table):
        return np.full((2, len(levels) + 1), np.nan)
    moved = table - table.mean(axis=0) + np.concatenate([[whole.mean()], whole])
    return np.asarray(np.quantile(moved, [0.025, 0.975], axis=0).clip(0, 1))


@dataclass(frozen=True, slots=True)
class _Level:
    """Detections that count at one threshold, by category and falling score, and where the category of each begins."""

    picture: np.ndarray
    category: np.ndarray
    right: np.ndarray
    starts: np.ndarray


def _level(matched: Matched, order: np.ndarray, level: int) -> _Level:
    kept = order[~matched.ignored[order, 0, level]]
    category = matched.category[kept]
    right = matched.hit[kept, 0, level].astype(float)
    return _Level(matched.picture[kept], category, right, np.searchsorted(category, category))


def _weighted(level: _Level, weight: np.ndarray, there: np.ndarray) -> float:
    """AP with pictures counted `weight` times, of categories with `there` objects: all on one axis, each above the last."""
    present = np.flatnonzero(there > 0)
    if not present.size:
        return float("nan")
    if not level.category.size:
        return 0.0
    amount = weight[level.picture]
    found, counted = (_running(amounts, level.starts) for amounts in (amount * level.right, amount))
    height = 2.0 * (len(there) - level.category)  # precision falls from category to category, recall rises
    value = np.maximum.accumulate((found / (counted + EPS) + height)[::-1])[::-1] - height
    step = there.max() + 1  # whole numbers, so that nothing is rounded where a recall is just reached
    needed = np.ceil(RECALLS * there[present, None] - 1e-9)
    needed += needed / there[present, None] < RECALLS
    place = np.searchsorted(found + step * level.category, (needed + step * present[:, None]).ravel())
    ends = np.repeat(np.searchsorted(level.category, present, side="right"), RECALLS.size)
    return float(np.where(place < ends, np.append(value, 0.0)[place], 0.0).mean())


def _running(amounts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Running sum within each category."""
    sums = np.concatenate([[0.0], np.cumsum(amounts)])
    return sums[1:] - sums[starts]

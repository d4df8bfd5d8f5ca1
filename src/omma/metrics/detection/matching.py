"""Matching: detections + truth → which detections are right at every threshold and size range, greedily by score, as COCO does.

Each picture and category is a cell. In a cell, the detection of highest score takes the free true object that it overlaps
most, real ones before ignored ones, the last of equals; then the next. All cells take this step together.
Source: cocodataset/cocoapi `PythonAPI/pycocotools/cocoeval.py` (`evaluateImg`) at 8c9bcc3. There, an object whose id is 0
can never be found; here ids do not matter.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from omma.metrics.detection.shapes import Shapes

HIGHEST = 1 - 1e-10  # a threshold of 1 means this
CELLS_AT_ONCE = 4_000_000  # numbers in an array
AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
AREA_NAMES = ("all", "small", "medium", "large")
THRESHOLDS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True, slots=True)
class Truth:
    """True objects as columns: `picture` and `category` numbers, `area` in px, `crowd`, `ignored` whatever its area."""

    picture: Int[np.ndarray, " G"]
    category: Int[np.ndarray, " G"]
    area: Float[np.ndarray, " G"]
    crowd: Bool[np.ndarray, " G"]
    ignored: Bool[np.ndarray, " G"]
    shapes: Shapes


@dataclass(frozen=True, slots=True)
class Found:
    """Detections as columns, in the order of the file; `open` ones are not held against the detector when they match nothing."""

    picture: Int[np.ndarray, " D"]
    category: Int[np.ndarray, " D"]
    score: Float[np.ndarray, " D"]
    open: Bool[np.ndarray, " D"]
    shapes: Shapes


@dataclass(frozen=True, slots=True)
class Rules:
    """Overlaps that count as found, size ranges (px², ends included) and how many detections of a cell are looked at."""

    thresholds: Float[np.ndarray, " T"] = field(default_factory=THRESHOLDS.copy)
    areas: tuple[tuple[float, float], ...] = AREAS
    most: int = 100


@dataclass(frozen=True, slots=True)
class Matched:
    """Detections by category, picture and falling score, with the `rank` in their cell, and what is there to be found.

    `hit` and `ignored` (D, A, T) are per size range and threshold; `real` (G, A) are the objects that count.
    """

    picture: Int[np.ndarray, " D"]
    category: Int[np.ndarray, " D"]
    score: Float[np.ndarray, " D"]
    rank: Int[np.ndarray, " D"]
    hit: Bool[np.ndarray, "D A T"]
    ignored: Bool[np.ndarray, "D A T"]
    real: Bool[np.ndarray, "G A"]
    real_picture: Int[np.ndarray, " G"]
    real_category: Int[np.ndarray, " G"]


@dataclass(frozen=True, slots=True)
class _Group:
    """Cells with about as many objects each: where their detections begin, how many, their objects, and which are there."""

    first: Int[np.ndarray, " C"]
    counts: Int[np.ndarray, " C"]
    objects: Int[np.ndarray, "C G"]
    there: Bool[np.ndarray, "C G"]


def match(truth: Truth, found: Found, rules: Rules) -> Matched:
    """Truth + detections + rules → what was matched. Scores must be numbers; shapes of one picture must be of one size."""
    cell, true_cell = _cells(truth, found)
    order = np.lexsort((-found.score, cell))
    rank = _rank(cell[order])
    order, rank = order[rank < rules.most], rank[rank < rules.most]
    areas = np.array(rules.areas)
    size = found.shapes.areas()[order]
    outside = (size[:, None] < areas[:, 0]) | (size[:, None] > areas[:, 1]) | found.open[order][:, None]
    skipped = truth.ignored[:, None] | (truth.area[:, None] < areas[:, 0]) | (truth.area[:, None] > areas[:, 1])
    hit, taken_ignored = _take(truth, found, rules, order, cell[order], true_cell, skipped)
    return Matched(
        found.picture[order],
        found.category[order],
        found.score[order],
        rank,
        hit,
        np.where(hit, taken_ignored, outside[:, :, None]),
        ~skipped,
        truth.picture,
        truth.category,
    )


def _cells(truth: Truth, found: Found) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell of each detection and of each true object; categories first, then pictures."""
    pictures = 1 + max((int(column.max()) for column in (truth.picture, found.picture) if column.size), default=0)
    return found.category * pictures + found.picture, truth.category * pictures + truth.picture


def _rank(groups: np.ndarray) -> np.ndarray:
    """Sorted groups → place of each member in its group."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]])) if groups.size else groups
    lengths = np.diff(np.concatenate([starts, [groups.size]]))
    return np.arange(groups.size) - np.repeat(starts, lengths)


def _take(
    truth: Truth,
    found: Found,
    rules: Rules,
    order: np.ndarray,
    cell: np.ndarray,
    true_cell: np.ndarray,
    skipped: Bool[np.ndarray, "G A"],
) -> tuple[Bool[np.ndarray, "D A T"], Bool[np.ndarray, "D A T"]]:
    """The greedy step of all cells, in groups of about equal numbers of objects."""
    hit = np.zeros((order.size, len(rules.areas), rules.thresholds.size), bool)
    ignored = np.zeros_like(hit)
    members = np.argsort(true_cell, kind="stable")
    cells, starts, sizes = np.unique(true_cell[members], return_index=True, return_counts=True)
    first = np.searchsorted(cell, cells)
    counts = np.searchsorted(cell, cells, side="right") - first
    width = 2 ** np.ceil(np.log2(np.maximum(sizes, 1))).astype(int)
    for wide in np.unique(width[counts > 0]):
        chosen = np.flatnonzero((width == wide) & (counts > 0))
        chosen = chosen[np.argsort(-counts[chosen], kind="stable")]
        rows = max(1, CELLS_AT_ONCE // (int(wide) * hit[0].size))
        for part in np.split(chosen, range(rows, len(chosen), rows)):
            table = starts[part][:, None] + np.arange(wide)
            there = np.arange(wide) < sizes[part][:, None]
            objects = members[np.where(there, table, 0)]
            _rounds(truth, found, rules, order, _Group(first[part], counts[part], objects, there), skipped, hit, ignored)
    return hit, ignored


def _rounds(
    truth: Truth,
    found: Found,
    rules: Rules,
    order: np.ndarray,
    group: _Group,
    skipped: np.ndarray,
    hit: np.ndarray,
    ignored: np.ndarray,
) -> None:
    """Cells by falling number of detections: round r gives the r-th detection of each its object. Fills `hit` and `ignored`."""
    first, objects = group.first, group.objects
    thresholds = np.minimum(rules.thresholds, HIGHEST)[:, None]
    overlap = _overlaps(truth, found, order, group)
    skip = skipped[objects].transpose(0, 2, 1)[:, :, None, :]
    crowd = truth.crowd[objects][:, None, None, :]
    free = np.ones((len(first), len(rules.areas), rules.thresholds.size, objects.shape[1]), bool)
    starts = np.cumsum(group.counts) - group.counts
    for turn in range(int(group.counts[0])):
        n = int(np.searchsorted(-group.counts, -turn))
        near = overlap[starts[:n] + turn]
        rows = np.flatnonzero((near >= thresholds.min()).any(axis=1))
        near = near[rows]
        fits = (free[rows] | crowd[rows]) & (near[:, None, None, :] >= thresholds)
        real = fits & ~skip[rows]
        found_any, found_real = fits.any(axis=-1), real.any(axis=-1, keepdims=True)
        value = np.where(np.where(found_real, real, fits), near[:, None, None, :], -1.0)
        best = value.shape[-1] - 1 - value[..., ::-1].argmax(axis=-1)
        row, area, level = np.nonzero(found_any)
        chosen = best[row, area, level]
        free[rows[row], area, level, chosen] = False
        hit[first[rows] + turn] = found_any
        ignored[first[rows[row]] + turn, area, level] = skip[rows[row], area, 0, chosen]


def _overlaps(truth: Truth, found: Found, order: np.ndarray, group: _Group) -> Float[np.ndarray, "D G"]:
    """Overlap of every detection of the cells, one after the other, with the objects of its cell; −1 where there is none."""
    rows = np.repeat(np.arange(len(group.first)), group.counts)
    detections = order[np.repeat(group.first, group.counts) + _rank(rows)]
    pairs = group.there[rows]
    i, j = np.repeat(detections, pairs.sum(axis=1)), group.objects[rows][pairs]
    table = np.full(pairs.shape, -1.0)
    table[pairs] = found.shapes.overlaps(truth.shapes, i, j, truth.crowd[j])
    return table

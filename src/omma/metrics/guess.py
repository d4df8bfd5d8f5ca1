"""Guess: known answers → the best answer for someone who sees no picture. What every score is printed beside."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from omma.metrics.box import iou_matrix

Group = TypeVar("Group", bound=Hashable)
CANDIDATES = 1024


def majority(golds_by_group: Mapping[Group, Sequence[str]]) -> dict[Group, str]:
    """Answers of each group (a task, a question) → its most common answer; of equals the first in sorted order.

    Groups without answers are left out.
    """
    return {group: min(counts, key=lambda text: (-counts[text], text)) for group, counts in _counted(golds_by_group)}


def best_constant(golds: Sequence[Sequence[str]], score: Callable[[str, Sequence[str]], float]) -> tuple[str, float]:
    """Accepted answers of each question + a metric → the constant answer with the highest mean score, and that score.

    Every accepted answer is tried; of equals the more common, then the first in sorted order. No questions: ("", 0.0).
    """
    counts = Counter(text for texts in golds for text in texts)
    if not counts:
        return "", 0.0
    means = {text: sum(score(text, texts) for texts in golds) / len(golds) for text in counts}
    best = min(means, key=lambda text: (-means[text], -counts[text], text))
    return best, means[best]


def best_box(boxes_xyxy: Float[np.ndarray, "n 4"], threshold: float = 0.5, seed: int = 0) -> tuple[tuple[float, ...], float]:
    """True boxes → the constant box that meets most of them at IoU `threshold`, and that share of them.

    All boxes are in one frame; `unit`, if pictures differ in size. Candidates: the boxes themselves (at most 1,024, drawn
    with `seed`), their median, and boxes near the median size on a grid of centres. No boxes: four zeros and 0.0.
    """
    boxes = np.asarray(boxes_xyxy, float).reshape(-1, 4)
    if not len(boxes):
        return (0.0, 0.0, 0.0, 0.0), 0.0
    candidates = _candidates(boxes, seed)
    hits = np.concatenate([(iou_matrix(part, boxes) >= threshold).mean(axis=1) for part in np.array_split(candidates, 64)])
    best = int(hits.argmax())
    return tuple(float(value) for value in candidates[best]), float(hits[best])


def _counted(golds_by_group: Mapping[Group, Sequence[str]]) -> list[tuple[Group, Counter[str]]]:
    return [(group, Counter(golds)) for group, golds in golds_by_group.items() if golds]


def _candidates(boxes: np.ndarray, seed: int) -> np.ndarray:
    own = np.unique(boxes, axis=0)
    if len(own) > CANDIDATES:
        own = own[np.sort(np.random.default_rng(seed).choice(len(own), CANDIDATES, replace=False))]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.median(boxes[:, 2:] - boxes[:, :2], axis=0) / 2
    low, high = centres.min(axis=0), centres.max(axis=0)
    grid = np.stack(np.meshgrid(np.linspace(low[0], high[0], 15), np.linspace(low[1], high[1], 15)), axis=-1).reshape(-1, 2)
    grown = [np.concatenate([grid - half * size, grid + half * size], axis=1) for size in (0.8, 1.0, 1.25)]
    return np.concatenate([own, np.median(boxes, axis=0)[None], *grown])

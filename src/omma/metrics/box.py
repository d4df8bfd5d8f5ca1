"""Box: predicted and true boxes (xyxy, any one frame, continuous corners) → overlap and accuracy, in [0, 1]."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Box = Sequence[float]


def iou(a_xyxy: Box, b_xyxy: Box) -> float:
    """Two boxes → intersection over union. 0.0 if either has no area, corners in the wrong order included."""
    wide = min(a_xyxy[2], b_xyxy[2]) - max(a_xyxy[0], b_xyxy[0])
    high = min(a_xyxy[3], b_xyxy[3]) - max(a_xyxy[1], b_xyxy[1])
    if not (wide > 0 and high > 0):
        return 0.0
    both = wide * high
    return both / (_area(a_xyxy) + _area(b_xyxy) - both)


def iou_matrix(a_xyxy: Float[np.ndarray, "A 4"], b_xyxy: Float[np.ndarray, "B 4"]) -> Float[np.ndarray, "A B"]:
    """Boxes + boxes → the IoU of every pair, by the rules of `iou`."""
    a, b = np.asarray(a_xyxy, float).reshape(-1, 1, 4), np.asarray(b_xyxy, float).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = sides.clip(min=0).prod(axis=-1)
    either = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=both > 0)


def accuracy_at(predicted_xyxy: Box | None, gold_xyxy: Box, threshold: float = 0.5) -> float:
    """Prediction (None: the answer held no box) + truth → 1.0 if their IoU is at least `threshold`, else 0.0."""
    return 0.0 if predicted_xyxy is None else float(iou(predicted_xyxy, gold_xyxy) >= threshold)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def generalized_iou(a_xyxy: Box, b_xyxy: Box) -> float:
    """Two boxes → generalized IoU in [−1, 1]: IoU less the empty share of the box around both (arXiv:1902.09630).

    −1.0 for corners in the wrong order or numbers that are none.
    """
    if not all(low <= high for box in (a_xyxy, b_xyxy) for low, high in ((box[0], box[2]), (box[1], box[3]))):
        return -1.0
    around = (*(min(a, b) for a, b in zip(a_xyxy[:2], b_xyxy[:2], strict=True)), *map(max, a_xyxy[2:], b_xyxy[2:]))
    shared = iou(a_xyxy, b_xyxy)
    whole = _area(around)
    union = (_area(a_xyxy) + _area(b_xyxy)) / (1 + shared)
    return shared - (whole - union) / whole if whole > 0 else -1.0


def inclusive_iou(a_xyxy: Box, b_xyxy: Box) -> float:
    """Two boxes whose corners are their first and last pixels → IoU of the pixels; each side is one longer than its difference."""
    a, b = ((box[0], box[1], box[2] + 1, box[3] + 1) for box in (a_xyxy, b_xyxy))
    return iou(a, b)


def notebook_iou(a_xyxy: Box, b_xyxy: Box) -> float:
    """Two boxes (continuous corners) → IoU as refer's notebook has it (lichengunc/refer `pyEvalDemo.ipynb`, `computeIoU`).

    Its boxes are xywh and end at pixel x + w − 1, with one added again: the continuous rule, but that boxes which share a
    single column or row of pixels, or less, share nothing.
    """
    wide = min(a_xyxy[2], b_xyxy[2]) - max(a_xyxy[0], b_xyxy[0])
    high = min(a_xyxy[3], b_xyxy[3]) - max(a_xyxy[1], b_xyxy[1])
    return iou(a_xyxy, b_xyxy) if wide > 1 and high > 1 else 0.0

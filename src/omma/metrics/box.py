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

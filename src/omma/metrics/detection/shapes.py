"""Shapes: what a detection marks (boxes, masks, skeletons) → the overlap of given pairs, as COCO measures it.

The rules are those of cocodataset/cocoapi (`common/maskApi.c`: `bbIou`, `rleIou`; `PythonAPI/pycocotools/cocoeval.py`:
`computeOks`) at 8c9bcc3. Against a crowd, the overlap is divided by the area of the detection alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from omma.core.errors import DataError
from omma.metrics.masks.rle import Rle, pair_overlaps

Pairs = Int[np.ndarray, " P"]
PAIRS_AT_ONCE = 20_000  # pairs of masks on one axis


class Shapes(Protocol):
    """Shapes of one kind in a row; those of detections are asked for their overlap with those of the truth."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def areas(self) -> Float[np.ndarray, " N"]:
        """Area of each, px."""
        ...

    def overlaps(self, truth: Self, i: Pairs, j: Pairs, crowd: Bool[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """Overlap of own shape i and true shape j of each pair, in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes `xywh` (N, 4), px, continuous corners."""

    xywh: Float[np.ndarray, "N 4"]

    def __len__(self) -> int:
        return len(self.xywh)

    def areas(self) -> Float[np.ndarray, " N"]:
        """Width × height of each."""
        return self.xywh[:, 2] * self.xywh[:, 3]

    def overlaps(self, truth: "Boxes", i: Pairs, j: Pairs, crowd: Bool[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """IoU of each pair; 0.0 where they share nothing."""
        a, b = self.xywh[i], truth.xywh[j]
        sides = np.minimum(a[:, 2:] + a[:, :2], b[:, 2:] + b[:, :2]) - np.maximum(a[:, :2], b[:, :2])
        both = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
        own = self.areas()[i]
        either = np.where(crowd, own, own + truth.areas()[j] - both)
        return np.divide(both, either, out=np.zeros_like(both), where=both > 0)


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks as run lengths. Those of one picture are of one size."""

    rles: Sequence[Rle]

    def __len__(self) -> int:
        return len(self.rles)

    def areas(self) -> Float[np.ndarray, " N"]:
        """Foreground px of each."""
        return np.array([rle.area for rle in self.rles], float)

    def overlaps(self, truth: "Masks", i: Pairs, j: Pairs, crowd: Bool[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """IoU of each pair. DataError where a pair is of two sizes."""
        sizes, true_sizes = self._sizes(), truth._sizes()
        for k in np.flatnonzero((sizes[i] != true_sizes[j]).any(axis=1))[:1]:
            raise DataError("mask", "{} × {} px".format(*sizes[i[k]]), "{} × {} as the truth".format(*true_sizes[j[k]]))
        whole = np.zeros(len(i), bool)
        near = np.flatnonzero(self._boxes().overlaps(truth._boxes(), i, j, whole) > 0)
        both = np.zeros(len(i))
        for part in np.split(near, range(PAIRS_AT_ONCE, len(near), PAIRS_AT_ONCE)):
            both[part] = pair_overlaps(self.rles, truth.rles, i[part], j[part])
        own = self.areas()[i]
        either = np.where(crowd, own, own + truth.areas()[j] - both)
        return np.divide(both, either, out=np.zeros_like(both), where=both > 0)

    def _boxes(self) -> Boxes:
        return Boxes(np.array([rle.box_xywh for rle in self.rles], float).reshape(-1, 4))

    def _sizes(self) -> np.ndarray:
        return np.array([rle.size_yx for rle in self.rles], np.int64).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Skeletons:
    """Keypoints `xyv` (N, K, 3) in px with visibility (0: not labelled), the `xywh` box and `area` of each, and K `sigmas`.

    Overlap is object keypoint similarity (OKS). Detections bring no boxes, areas or visibilities that are looked at.
    """

    xyv: Float[np.ndarray, "N K 3"]
    xywh: Float[np.ndarray, "N 4"]
    area: Float[np.ndarray, " N"]
    sigmas: Float[np.ndarray, " K"]

    def __len__(self) -> int:
        return len(self.xyv)

    def areas(self) -> Float[np.ndarray, " N"]:
        """Area of each as stored; for detections, of the box around all points."""
        return self.area

    def overlaps(self, truth: "Skeletons", i: Pairs, j: Pairs, crowd: Bool[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """OKS of each pair: mean over labelled points; without any, distance is that to the box grown by its own size."""
        points, gold, boxes = self.xyv[i][..., :2], truth.xyv[j], truth.xywh[j]
        seen = gold[..., 2] > 0
        low, high = boxes[:, None, :2] - boxes[:, None, 2:], boxes[:, None, :2] + 2 * boxes[:, None, 2:]
        outside = (low - points).clip(min=0) + (points - high).clip(min=0)
        labelled = seen.any(axis=1)
        away = np.where(labelled[:, None, None], points - gold[..., :2], outside)
        scale = (2 * truth.sigmas) ** 2 * (truth.area[j][:, None] + np.spacing(1)) * 2
        near = np.exp(-(away**2).sum(axis=-1) / scale)
        counted = np.where(labelled[:, None], seen, True)
        return (near * counted).sum(axis=1) / counted.sum(axis=1)

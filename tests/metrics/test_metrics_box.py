"""Boxes: overlap by hand, symmetric, bounded, and equal one by one and all at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.box import accuracy_at, iou, iou_matrix

corner = st.integers(-20, 20)
boxes = st.tuples(corner, corner, corner, corner)


def test_overlap_by_hand():
    """Two 10 × 10 boxes that share 5 × 5: 25 / (100 + 100 − 25)."""
    assert iou((0, 0, 10, 10), (5, 5, 15, 15)) == pytest.approx(25 / 175)
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
    assert iou((0, 0, 4, 4), (1, 1, 3, 3)) == 0.25


def test_boxes_without_area_overlap_nothing():
    assert iou((5, 5, 5, 9), (0, 0, 10, 10)) == 0.0
    assert iou((5, 5, 5, 5), (5, 5, 5, 5)) == 0.0
    assert iou((10, 10, 0, 0), (0, 0, 10, 10)) == 0.0
    assert iou((float("nan"), 0, 10, 10), (0, 0, 10, 10)) == 0.0


def test_accuracy_by_hand():
    assert accuracy_at((0, 0, 10, 5), (0, 0, 10, 10)) == 1.0  # IoU is exactly one half
    assert accuracy_at((0, 0, 10, 4.99), (0, 0, 10, 10)) == 0.0
    assert accuracy_at(None, (0, 0, 10, 10)) == 0.0
    assert accuracy_at((0, 0, 10, 5), (0, 0, 10, 10), threshold=0.6) == 0.0


@given(a=boxes, b=boxes)
def test_bounds_and_symmetry(a, b):
    value = iou(a, b)
    assert 0.0 <= value <= 1.0 and value == iou(b, a)
    if a[0] < a[2] and a[1] < a[3]:
        assert iou(a, a) == 1.0


@given(a=st.lists(boxes, max_size=5), b=st.lists(boxes, max_size=5))
def test_all_pairs_equal_one_by_one(a, b):
    matrix = iou_matrix(np.array(a, float).reshape(-1, 4), np.array(b, float).reshape(-1, 4))
    assert matrix.shape == (len(a), len(b))
    assert matrix == pytest.approx(np.array([[iou(x, y) for y in b] for x in a]).reshape(len(a), len(b)))

"""Oriented boxes and generalized IoU: by hand, by symmetry, and equal to straight boxes where they are straight."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.box import generalized_iou, inclusive_iou, iou, notebook_iou
from omma.metrics.boxes.oriented import convex_iou, corners, oriented_iou

number = st.floats(-20, 20)
side = st.floats(0.5, 20)
oriented = st.tuples(number, number, side, side, st.floats(-7, 7))
straight = st.tuples(number, number, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


def test_a_square_turned_by_an_eighth_shares_an_octagon():
    """Ours: unit squares; the octagon has area 2(√2 − 1), so that IoU is 1/√2."""
    assert oriented_iou((0, 0, 1, 1, 0), (0, 0, 1, 1, math.pi / 4)) == pytest.approx(math.sqrt(0.5))


def test_four_corners_may_run_either_way():
    square, half = [(0, 0), (2, 0), (2, 2), (0, 2)], [(0, 0), (0, 2), (1, 2), (1, 0)]
    assert convex_iou(square, half) == convex_iou(square[::-1], half[::-1]) == pytest.approx(0.5)
    assert convex_iou(square, [(5, 5), (6, 5), (6, 6)]) == 0.0


@given(a=oriented, b=oriented)
def test_bounds_symmetry_and_half_turns(a, b):
    value = oriented_iou(a, b)
    assert 0 <= value <= 1 + 1e-9
    assert value == pytest.approx(oriented_iou(b, a), abs=1e-7)
    assert value == pytest.approx(oriented_iou((*a[:4], a[4] + math.pi), b), abs=1e-7)
    assert oriented_iou(a, a) == pytest.approx(1)


@given(a=straight, b=straight)
def test_straight_boxes_overlap_as_ever(a, b):
    def turned(box):
        return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1], 0.0)

    assert oriented_iou(turned(a), turned(b)) == pytest.approx(iou(a, b), abs=1e-7)
    assert convex_iou(corners(turned(a)), corners(turned(b))) == pytest.approx(iou(a, b), abs=1e-7)


@pytest.mark.parametrize("bad", [(0, 0, 0, 1, 0), (0, 0, -1, 1, 0), (0, 0, 1, 1, math.nan), (math.inf, 0, 1, 1, 0)])
def test_bad_oriented_boxes_overlap_nothing(bad):
    assert oriented_iou(bad, (0, 0, 1, 1, 0)) == oriented_iou((0, 0, 1, 1, 0), bad) == 0.0


def test_generalized_iou_by_hand():
    """Ours: side by side with a gap of one: IoU 0, union 2 of 3. Apart and far it nears −1."""
    assert generalized_iou((0, 0, 1, 1), (2, 0, 3, 1)) == pytest.approx(-1 / 3)
    assert generalized_iou((0, 0, 1, 1), (0, 0, 1, 1)) == 1.0
    assert generalized_iou((1, 1, 0, 0), (0, 0, 1, 1)) == generalized_iou((0, 0, math.nan, 1), (0, 0, 1, 1)) == -1.0
    assert generalized_iou((0, 0, 0, 0), (0, 0, 0, 0)) == -1.0


@given(a=straight, b=straight)
def test_generalized_iou_lies_between_minus_one_and_iou(a, b):
    value = generalized_iou(a, b)
    assert -1 <= value <= iou(a, b) + 1e-9
    assert value == pytest.approx(generalized_iou(b, a), abs=1e-9)


@given(a=straight, b=straight)
def test_the_notebook_is_the_continuous_rule_but_for_slivers(a, b):
    sides = [min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1)]
    assert notebook_iou(a, b) == (iou(a, b) if min(sides) > 1 else 0.0)


def test_inclusive_pixels_by_hand():
    """Ours: the first and the last of ten pixels are 0 and 9."""
    assert inclusive_iou((0, 0, 9, 9), (0, 0, 9, 4)) == 0.5
    assert inclusive_iou((3, 3, 3, 3), (3, 3, 3, 3)) == 1.0

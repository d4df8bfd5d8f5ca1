"""Guesses without a picture: the most common answer, the best constant for any metric, the best constant box."""

import numpy as np
import pytest

from omma.metrics.box import iou
from omma.metrics.guess import best_box, best_constant, majority
from omma.metrics.text import exact
from omma.metrics.vqa import vqa_accuracy


def test_majority_of_each_group():
    golds = {"count": ["2", "3", "2"], "yesno": ["yes", "no"], "empty": []}
    assert majority(golds) == {"count": "2", "yesno": "no"}  # a tie goes to the first in sorted order
    assert majority({}) == {}


def test_best_constant_by_hand():
    golds = [["two", "2"], ["2"], ["three"], ["3"]]
    assert best_constant(golds, exact) == ("2", 0.5)
    assert best_constant([["b", "b"], ["a"]], exact) == ("b", 0.5)  # equal scores: the more common
    assert best_constant([], exact) == ("", 0.0)
    assert best_constant([[], []], exact) == ("", 0.0)


def test_best_constant_follows_the_metric_not_the_count():
    """ "red" is said more often, but nine times by one question's people; "blue" scores at two questions."""
    golds = [["red"] * 9 + ["x"], ["blue"] * 4 + ["a", "b", "c", "d", "e", "f"], ["blue"] * 4 + ["a", "b", "c", "d", "e", "f"]]
    assert best_constant(golds, vqa_accuracy) == ("blue", pytest.approx(2 / 3))


def test_best_box_finds_the_crowd():
    crowd = np.random.default_rng(0).normal([0.1, 0.1, 0.5, 0.5], 0.02, (70, 4))
    rest = np.random.default_rng(1).normal([0.6, 0.6, 0.9, 0.9], 0.02, (30, 4))
    boxes = np.concatenate([crowd, rest])
    box, share = best_box(boxes)
    assert share == pytest.approx(0.7)
    assert share == np.mean([iou(box, other) >= 0.5 for other in boxes])


def test_best_box_is_at_least_every_single_box_and_the_median():
    boxes = np.random.default_rng(2).random((200, 4)) * 0.4
    boxes[:, 2:] += boxes[:, :2] + 0.1
    box, share = best_box(boxes)
    for candidate in [*boxes, np.median(boxes, axis=0)]:
        assert np.mean([iou(candidate, other) >= 0.5 for other in boxes]) <= share + 1e-12
    assert len(box) == 4 and best_box(boxes) == (box, share)


def test_best_box_may_lie_between_the_boxes():
    """Four boxes shifted by a fifth of their side about (0.5, 0.5), and three far off that drag the median away.

    The middle one, which is none of them, overlaps each of the four by 0.64 / 1.36; the four overlap each other by less.
    """
    shifts = [np.array([x, y, x, y]) for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    boxes = np.stack([np.array([0.0, 0.0, 1.0, 1.0]) + shift for shift in shifts] + [np.array([1.2, 1.2, 2.2, 2.2])] * 3)
    box, share = best_box(boxes, threshold=0.45)
    assert box == pytest.approx((0, 0, 1, 1)) and share == pytest.approx(4 / 7)


def test_no_boxes_and_many_boxes():
    assert best_box(np.zeros((0, 4))) == ((0.0, 0.0, 0.0, 0.0), 0.0)
    many = np.random.default_rng(3).random((6000, 4))
    many[:, 2:] = many[:, :2] + 0.5
    assert 0.05 < best_box(many)[1] < 0.1  # side 0.5 anywhere: the region of centres with IoU ≥ 0.5 covers 0.063

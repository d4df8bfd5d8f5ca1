"""Filled polygons: cases by hand, laws of outlines, and OpenCV itself where it is installed."""

import numpy as np
import pytest

from omma.core.errors import DataError
from omma.metrics.masks.filled import filled_polygon


def shown(mask):
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


def test_a_triangle_by_hand():
    assert shown(filled_polygon([[1, 1], [5.9, 1.2], [1, 5]], 7, 7)) == [
        ".......",
        ".#####.",
        ".####..",
        ".###...",
        ".##....",
        ".#.....",
        ".......",
    ]


def test_a_box_holds_its_last_row_and_column():
    assert int(filled_polygon([[2, 1], [6, 1], [6, 4], [2, 4]], 9, 9).sum()) == 5 * 4


def test_a_star_that_crosses_itself_is_hollow():
    mask = filled_polygon([[0, 0], [20, 20], [20, 0], [0, 20]], 21, 21)
    assert mask[10, 3] and mask[10, 17] and not mask[3, 10] and not mask[17, 10]


def test_one_corner_is_a_pixel_and_two_are_a_line():
    assert np.argwhere(filled_polygon([[3, 2]], 5, 6)).tolist() == [[2, 3]]
    assert np.argwhere(filled_polygon([[0, 0], [4, 2]], 5, 6)).tolist() == [[0, 0], [0, 1], [1, 2], [1, 3], [2, 4]]


@pytest.mark.parametrize("seed", range(20))
def test_where_it_begins_and_which_way_it_goes_changes_nothing(seed):
    random = np.random.default_rng(seed)
    corners = random.integers(0, 30, (7, 2))
    whole = filled_polygon(corners.tolist(), 30, 30)
    for other in (np.roll(corners, 3, axis=0), corners[::-1]):
        assert np.array_equal(filled_polygon(other.tolist(), 30, 30), whole)
    assert whole[corners[:, 1], corners[:, 0]].all(), "every corner is part of it"


def test_what_lies_outside_is_left_out():
    assert filled_polygon([[-5, -5], [3, -5], [3, 3], [-5, 3]], 10, 10).sum() == 16
    assert not filled_polygon([[20, 20], [30, 20], [25, 30]], 10, 10).any()


@pytest.mark.parametrize("bad", [[], [[1]], [[1, 2, 3]], [["a", 2]], [[1, float("nan")]], [[1, 1e9]], 7])
def test_corners_that_are_none_are_told(bad):
    with pytest.raises(DataError):
        filled_polygon(bad, 10, 10)


def test_pixels_are_those_of_opencv():
    cv2 = pytest.importorskip("cv2", reason="opencv is not installed")
    random = np.random.default_rng(0)
    for _ in range(500):
        height, width = (int(side) for side in random.integers(5, 160, 2))
        corners = np.stack([random.uniform(0, width - 1, 9), random.uniform(0, height - 1, 9)], axis=1)
        drawn, whole = np.zeros((height, width), np.uint8), corners.astype(np.int32)[None]
        cv2.polylines(drawn, whole, True, 1, 1)
        cv2.fillPoly(drawn, whole, 1)
        assert np.array_equal(filled_polygon(corners.tolist(), height, width), drawn.astype(bool))

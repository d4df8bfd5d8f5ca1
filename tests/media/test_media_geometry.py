"""Boxes between orders and frames: hand-computed cases, exact inverses, messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.media.geometry import FRAMES, from_frame, reorder, to_frame, whole
from omma.media.views.best_fit import BestFit
from omma.media.views.pad import Pad
from omma.media.views.tiles import Tiles
from omma.schema.view import Unit

ORDERS = ("xyxy", "xywh", "cxcywh")
number = st.floats(-2000, 2000)


def test_orders_by_hand():
    assert reorder((10, 20, 40, 60), "xyxy", "xywh") == (10, 20, 30, 40)
    assert reorder((10, 20, 40, 60), "xyxy", "cxcywh") == (25, 40, 30, 40)
    assert reorder((25, 40, 30, 40), "cxcywh", "xywh") == (10, 20, 30, 40)


@given(box=st.tuples(number, number, number, number), old=st.sampled_from(ORDERS), new=st.sampled_from(ORDERS))
def test_orders_invert(box, old, new):
    assert reorder(reorder(box, old, new), new, old) == pytest.approx(box, abs=1e-9)


@given(
    box=st.tuples(number, number, number, number),
    frame=st.sampled_from(FRAMES),
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    view=st.sampled_from([Pad(size=336), Tiles(), BestFit()]),
)
def test_frames_invert_within_a_millionth_of_a_px(box, frame, width, height, view):
    plan = view.plan(width, height, Unit(14, 2))
    assert from_frame(to_frame(box, frame, plan), frame, plan) == pytest.approx(box, abs=1e-6)


def test_px_is_untouched_to_the_bit():
    box = (0.1, 1 / 3, 2 / 3, 1e-9)
    assert to_frame(box, "px", whole(7, 11)) == box and from_frame(box, "px", whole(7, 11)) == box


def test_frames_by_hand():
    plan = whole(200, 50)
    assert to_frame((50, 10, 100, 50), "unit", plan) == (0.25, 0.2, 0.5, 1.0)
    assert to_frame((50, 10, 100, 50), "k1000", plan) == (250, 200, 500, 1000)
    assert to_frame((50, 10, 100, 50), "view_px", plan) == (50, 10, 100, 50)
    assert from_frame((250, 200, 500, 1000), "k1000", plan) == (50, 10, 100, 50)


def test_pad_frames_by_hand():
    """200 × 100 in a 100 × 100 tile: half size, 25 px of fill above and below."""
    plan = Pad(size=100).plan(200, 100, Unit(10))
    assert to_frame((0, 0, 200, 100), "view_px", plan) == (0, 25, 100, 75)
    assert to_frame((0, 0, 200, 100), "view_k1000", plan) == (0, 250, 1000, 750)
    assert from_frame((0, 250, 1000, 750), "view_k1000", plan) == (0, 0, 200, 100)
    assert to_frame((0, 0, 200, 100), "k1000", plan) == (0, 0, 1000, 1000)


def test_unknown_words_are_told_with_the_nearest_known_one():
    with pytest.raises(DataError, match="box: order 'xyxz'; did you mean 'xyxy'"):
        reorder((0, 0, 1, 1), "xyxz", "xywh")
    with pytest.raises(DataError, match="box: frame 'k100'; did you mean 'k1000'"):
        to_frame((0, 0, 1, 1), "k100", whole(10, 10))

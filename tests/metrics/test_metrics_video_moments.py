"""Moments and counts: spans and numbers as models write them, by hand (the cases are ours)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.counting import Counting, read_count
from omma.metrics.metric import Marked, Metric
from omma.metrics.video.moments import Hundredths, Moments, Seconds, VtimeLlmMoments, span_iou

time = st.floats(0, 1000)


def numbers(metric: Metric, replies: list[str], gold, facts=None) -> dict[str, float]:
    marked = [Marked(str(i), gold, facts or {}, metric.judge(raw, gold, facts or {})) for i, raw in enumerate(replies)]
    return {one.metric: one.value for one in metric.aggregate(marked)}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("It happens from 3.5 to 7 seconds.", (3.5, 7)),
        ("3.5s - 7s", (3.5, 7)),
        ("between 1:05 and 1:02:03.5", (65, 3723.5)),
        ("[12.0 - 15.25]", (12, 15.25)),
        ("7 seconds to 3 seconds", (7, 3)),
        ("in the beginning", None),
        ("at 5", None),
    ],
)
def test_seconds_by_hand(text: str, span):
    assert Seconds().read(text, {}) == span


def test_hundredths_are_of_the_duration():
    assert Hundredths().read("From 05 to 20.", {"duration": 40}) == (2, 8)
    assert Hundredths().read("From 5 to 20.", {"duration": 40}) is None


def test_recall_at_levels_and_mean_by_hand():
    got = numbers(Moments(), ["0 to 10", "5 to 10", "6 to 10", "never", "10 to 0"], [0, 10])
    assert (got["R@1 IoU=0.3"], got["R@1 IoU=0.5"], got["R@1 IoU=0.7"]) == (0.6, 0.4, 0.2)
    assert got["mIoU"] == pytest.approx((1 + 0.5 + 0.4) / 5)


def test_stretches_that_end_before_they_begin_are_unparsed():
    assert Moments().judge("10 to 0", [0, 10], {}).said is None


def test_vtimellm_rounds_before_it_compares():
    facts = {"duration": 100}
    assert numbers(VtimeLlmMoments(), ["00 to 29"], [0, 97.9], facts)["R@1 IoU=0.3"] == 1.0  # 0.2962 becomes 0.3
    assert numbers(Moments(format=Hundredths()), ["00 to 29"], [0, 97.9], facts)["R@1 IoU=0.3"] == 0.0


@given(a=st.tuples(time, time), b=st.tuples(time, time))
def test_overlap_of_spans_is_bounded_and_symmetric(a, b):
    assert 0 <= span_iou(a, b) <= 1 + 1e-12
    assert span_iou(a, b) == pytest.approx(span_iou(b, a))
    if a[0] < a[1]:
        assert span_iou(a, a) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are 12 dogs.", 12),
        ("Twelve", 12),
        ("I see three, maybe 4.", 3),
        ("1,204 people", 1204),
        ("about 3.5", None),
        ("-4", None),
        ("none that I can tell", None),
        ("someone", None),
        ("B2", None),
        ("", None),
    ],
)
def test_counts_by_hand(text: str, count):
    assert read_count(text) == count


def test_errors_of_counting_by_hand_and_silence_stands_as_zero():
    got = numbers(Counting(), ["4", "7", "many"], 4)
    assert (got["accuracy"], got["MAE"]) == (pytest.approx(1 / 3), pytest.approx((0 + 3 + 4) / 3))
    assert got["RMSE"] == pytest.approx(math.sqrt((0 + 9 + 16) / 3))

"""Referring masks, gRefCOCO, GSEval, GCG and video objects. All cases are ours: no published predictions are at hand."""

import json
import math

import numpy as np
import pytest

from omma.core.errors import DataError
from omma.metrics.masks.davis import Davis, VideoObject, contour, grown, outline, region
from omma.metrics.masks.gcg import Gcg, Recorded, SharedWords, mean_paired_iou, paired
from omma.metrics.masks.grefcoco import GRefCoco
from omma.metrics.masks.referring import GroundingSuiteMask, ReasonSeg, ReferringMask
from omma.metrics.masks.rle import encode, to_text
from omma.metrics.metric import Marked, Metric

SIZE = {"height": 10, "width": 10}


def columns(first: int, last: int) -> dict:
    """Runs of a 10 × 10 mask that covers columns first to last − 1."""
    mask = np.zeros((10, 10), bool)
    mask[:, first:last] = True
    return {"size": [10, 10], "counts": to_text(encode(mask))}


def numbers(metric: Metric, pairs: list[tuple], facts: dict = SIZE) -> dict[str, float]:
    marked = []
    for i, (raw, gold) in enumerate(pairs):
        text = raw if isinstance(raw, str) else json.dumps(raw)
        marked.append(Marked(str(i), gold, facts, metric.judge(text, gold, facts)))
    return {one.metric: one.value for one in metric.aggregate(marked)}


def test_ciou_weighs_pixels_and_giou_masks():
    got = numbers(ReferringMask(), [(columns(0, 8), columns(0, 8)), (columns(0, 1), columns(0, 2))])
    assert got["cIoU"] == pytest.approx(90 / 100)
    assert (got["gIoU"], got["Pr@0.5"], got["Pr@0.6"]) == (0.75, 1.0, 0.5)


def test_polygons_and_silence_are_replies():
    got = numbers(ReferringMask(), [([[0, 0, 2, 0, 2, 10, 0, 10]], columns(0, 2)), ("null", None), ("[]", [])])
    assert (got["gIoU"], got["cIoU"]) == (1.0, 1.0)


def test_masks_of_another_size_and_unread_replies_miss_the_gold_and_are_said():
    metric, other = ReferringMask(), {"size": [5, 5], "counts": [0, 25]}
    marks = [metric.judge(raw, columns(0, 2), SIZE) for raw in (json.dumps(other), "a cat", '{"size": [10, 10], "counts": [3]}')]
    assert [(mark.said, mark.details["bad"], mark.details["either"]) for mark in marks] == [
        (None, 1, 20),
        (None, 0, 20),
        (None, 1, 20),
    ]
    got = numbers(metric, [(columns(0, 2), columns(0, 2)), (other, columns(0, 2))])
    assert (got["cIoU"], got["bad masks"]) == (0.5, 0.5)


def test_the_rules_of_empty_masks_are_classes():
    nothing = [("null", None)]
    assert numbers(ReferringMask(), nothing)["gIoU"] == 1.0
    assert numbers(GroundingSuiteMask(), nothing)["gIoU"] == 0.0
    assert numbers(ReasonSeg(), nothing)["gIoU"] == pytest.approx(1 / (1 + 1e-5), abs=1e-12)


def test_lisas_small_numbers():
    got = numbers(ReasonSeg(), [(columns(0, 1), columns(0, 2))])
    assert got["gIoU"] == pytest.approx(10 / (20 + 1e-5) / (1 + 1e-5), abs=1e-12)
    assert got["cIoU"] == pytest.approx(10 / (20 + 1e-10), abs=1e-14)


def test_ignored_pixels_count_for_neither_side():
    got = numbers(ReferringMask(), [(columns(0, 4), columns(0, 2))], SIZE | {"ignored": columns(2, 4)})
    assert got["cIoU"] == 1.0


def test_no_target_expressions_follow_rela():
    """Said and right: 1, no joint pixels. Not said: 0 and its pixels are joint. Said of a target: nothing shared."""
    pairs = [("null", None), (columns(0, 3), None), ("null", columns(0, 2)), (columns(0, 2), columns(0, 2))]
    got = numbers(GRefCoco(), pairs)
    assert got["gIoU"] == (1 + 0 + 0 + 1) / 4
    assert got["cIoU"] == pytest.approx(20 / (30 + 20 + 20))
    assert (got["N-acc"], got["T-acc"], got["Pr@0.7"]) == (0.5, 0.5, 0.5)


def test_no_target_may_be_said_beside_a_mask():
    metric = GRefCoco()
    claimed = metric.judge(json.dumps({"no_target": True, "mask": columns(0, 3)}), None, SIZE)
    assert (claimed.score, claimed.details["either"]) == (1.0, 0)
    missed = metric.judge(json.dumps({"no_target": True, "mask": columns(0, 3)}), columns(0, 2), SIZE)
    assert (missed.score, missed.details["both"], missed.details["either"]) == (0.0, 0, 30)
    denied = metric.judge(json.dumps({"no_target": False, "mask": None}), None, SIZE)
    assert (denied.score, denied.details["right"]) == (0.0, False)


def test_without_no_target_expressions_n_acc_has_no_value():
    assert math.isnan(numbers(GRefCoco(), [(columns(0, 2), columns(0, 2))])["N-acc"])


def test_greedy_pairs_of_gcg_by_hand():
    overlaps = np.array([[0.9, 0.8], [0.7, 0.0]])
    assert mean_paired_iou(overlaps) == 0.9  # the second pair has nothing left but 0
    assert mean_paired_iou(np.zeros((2, 2))) == mean_paired_iou(np.zeros((0, 2))) == 0.0
    alike = np.ones((2, 2))
    assert paired(np.array([[0.9, 0.0], [0.0, 0.6]]), alike, 0.5, 0.5) == [(0, 0), (1, 1)]
    assert paired(np.array([[0.9, 0.0], [0.0, 0.6]]), np.array([[0.1, 1], [1, 1]]), 0.5, 0.5) == []  # the search ends
    assert paired(np.array([[0.9, 0.0], [0.0, 0.6]]), np.ones((1, 2)), 0.5, 0.5) == []


def test_gcg_by_hand():
    gold = {"labels": ["a red car", "the dog"], "masks": [columns(0, 4), columns(6, 10)]}
    reply = {"phrases": ["red car", "a cat"], "masks": [columns(0, 4), columns(6, 9)]}
    got = numbers(Gcg(), [(reply, gold)])
    assert (got["mIoU"], got["recall"], got["AP50"]) == (pytest.approx((1 + 0.75) / 2), 0.5, pytest.approx(1.0))
    recorded = numbers(Gcg(likeness=Recorded()), [(reply | {"likeness": [[1, 0], [0, 0.5]]}, gold)])
    assert recorded["recall"] == 1.0
    assert numbers(Gcg(likeness=Recorded()), [(reply | {"likeness": [[1], "x"]}, gold)])["recall"] == 0.0
    assert SharedWords().of(["the dog"], ["The Dog", "dog"], {}).tolist() == [[1.0, pytest.approx(2 / 3)]]


def test_gcg_replies_that_are_broken_count_against_it():
    gold = {"labels": ["a"], "masks": [columns(0, 4)]}
    small = {"phrases": ["a"], "masks": [{"size": [2, 2], "counts": [0, 4]}]}
    got = numbers(Gcg(), [("sorry", gold), (small, gold)])
    assert (got["mIoU"], got["recall"], got["AP50"], got["bad masks a picture"]) == (0.0, 0.0, 0.0, 0.5)


def disk(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 <= radius**2


@pytest.mark.parity
@pytest.mark.parametrize("radius", [1, 2, 5, 30])
def test_growing_is_dilation_with_a_disk(radius: int):
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    random = np.random.default_rng(radius)
    for _ in range(10):
        mask = random.random(random.integers(1, 40, 2)) < 0.03
        assert (grown(mask, radius) == ndimage.binary_dilation(mask, disk(radius))).all()


def test_outlines_by_hand():
    """Ours: a 2 × 2 block in 4 × 4; the outline lies half a pixel towards the origin."""
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    assert outline(mask).astype(int).tolist() == [[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert not outline(np.ones((4, 4), bool)).any()


def test_contours_by_hand():
    """Ours: in 100 × 100 the radius is ⌈0.008 · 141.4⌉ = 2; a shift by two is forgiven, by six partly."""
    mask = np.zeros((100, 100), bool)
    mask[30:60, 30:60] = True
    assert contour(np.roll(mask, 2, axis=0), mask) == 1.0
    assert 0.4 < contour(np.roll(mask, 6, axis=0), mask) < 0.7
    empty = np.zeros_like(mask)
    assert (contour(empty, empty), contour(empty, mask), contour(mask, empty)) == (1.0, 0.0, 0.0)
    assert (region(empty, empty), region(empty, mask), region(mask, mask)) == (1.0, 0.0, 1.0)


def test_video_objects_by_hand():
    gold = [columns(0, 4)] * 4
    said = [columns(0, 4), columns(0, 2), None, columns(0, 4)]
    got = numbers(VideoObject(), [(said, gold)])
    assert (got["J"], got["J-recall"]) == (pytest.approx((1 + 0.5 + 0 + 1) / 4), 0.5)
    assert got["J&F"] == pytest.approx((got["J"] + got["F"]) / 2)
    assert numbers(Davis(), [(said, gold)])["J"] == pytest.approx((0.5 + 0) / 2)


def test_frames_that_are_missing_broken_or_of_another_size_are_empty_and_counted():
    mark = VideoObject().judge(json.dumps([columns(0, 4), 7, {"size": [1, 1], "counts": [1]}]), [columns(0, 4)] * 4, SIZE)
    assert (mark.details["J"], mark.details["bad"]) == (0.25, 3)
    void = VideoObject().judge(json.dumps([columns(0, 8)]), [columns(0, 4)], SIZE | {"void": [columns(4, 8)]})
    assert void.details["J"] == 1.0
    with pytest.raises(DataError, match="at least one that is scored"):
        Davis().judge("[]", [columns(0, 4)] * 2, SIZE)

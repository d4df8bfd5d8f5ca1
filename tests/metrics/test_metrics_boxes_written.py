"""Written boxes and clicks: every declared format by hand, by the reference where there is one, and closed to any text."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import ConfigError, DataError
from omma.metrics.boxes.click import BoxMiddle, ScreenSpot, SeenPoints, ThousandPoints, UnitPoints
from omma.metrics.boxes.referring import RefCoco, RefCocoInclusive, RefCocoMdetr, RefCocoNotebook
from omma.metrics.boxes.tokens import Florence2, Kosmos2, PaliGemma
from omma.metrics.boxes.written import InternVl, LlavaUnit, Picture, PlainPixels, Qwen2Vl, Qwen3Vl, Qwen25Vl, QwenVl
from omma.metrics.metric import Marked

WIDE = Picture(200, 100)
CASES = [  # ours: one reply and its box in px of a picture of 200 × 100
    (PlainPixels(), "The cat is at [10, 20.5, 30, 40].", (10, 20.5, 30, 40)),
    (QwenVl(), "<ref>cat</ref><box>(0,0),(999,999)</box>", (0, 0, 200, 100)),
    (Qwen2Vl(), "<|box_start|>(100,200),(500,600)<|box_end|>", (20, 20, 100, 60)),
    (Qwen3Vl(), '```json\n[{"bbox_2d": [100, 200, 500, 600], "label": "cat"}]\n```', (20, 20, 100, 60)),
    (Qwen25Vl(), '[{"bbox_2d": [10, 20, 30, 40]}]', (10, 20, 30, 40)),
    (InternVl(), "<box>[[100, 200, 500, 600]]</box>", (20, 20, 100, 60)),
    (InternVl(), "[0.1, 0.2, 0.5, 0.6]", (20, 20, 100, 60)),
    (LlavaUnit(), "[0.1, 0.5, 0.6, 0.75]", (20, 50, 120, 100)),
    (Kosmos2(), "<object><patch_index_0033><patch_index_0167></object>", (9.375, 4.6875, 46.875, 17.1875)),
    (PaliGemma(), "<loc0256><loc0128><loc0768><loc0512> cat", (25, 25, 100, 75)),
    (Florence2(), "cat<loc_99><loc_199><loc_499><loc_599>", (19.9, 19.95, 99.9, 59.95)),
]


@pytest.mark.parametrize(("format", "text", "box"), CASES, ids=lambda value: type(value).__name__)
def test_every_format_by_hand(format, text: str, box: tuple):
    assert format.read(text, WIDE).found == (pytest.approx(box),)


def test_the_size_that_the_model_saw_scales_its_pixels():
    reading = Qwen25Vl().read('{"bbox_2d": [14, 14, 56, 28]}', Picture(200, 100, 56, 28))
    assert reading.boxes == (pytest.approx((50, 50, 200, 100)),)


@pytest.mark.slow
@pytest.mark.parity
def test_kosmos_and_florence_place_boxes_as_their_processors_do():
    import torch
    from transformers.models.florence2.processing_florence2 import Florence2PostProcessor
    from transformers.models.kosmos2.processing_kosmos2 import patch_index_to_coordinate

    for first, last in ((0, 1023), (40, 40), (33, 60), (5, 901)):
        expected = [part * side for part, side in zip(patch_index_to_coordinate(first, last, 32), (200, 100) * 2, strict=True)]
        found = Kosmos2().read(f"<patch_index_{first:04}><patch_index_{last:04}>", WIDE).found
        assert found == (pytest.approx(expected),)
    florence = Florence2PostProcessor.__new__(Florence2PostProcessor)
    florence.quantize_bins = (1000, 1000)
    bins = [7, 450, 333, 999]
    expected = florence.dequantize(torch.tensor([bins]), size=(200, 100))[0].tolist()
    (box,) = Florence2().read("".join(f"<loc_{bin_}>" for bin_ in bins), WIDE).boxes
    assert [int(side) for side in box] == expected  # theirs drops fractions of a pixel


def test_bad_boxes_are_counted_in_their_place_and_never_turned_round():
    reading = PlainPixels().read("[9, 9, 1, 1] [0, 0, nan, 4] [0, 0, 5, 5] [2, 2, 2, 8] [0, 0, 1e999, 3]", WIDE)
    assert reading.found == (None, None, (0, 0, 5, 5), None, None)
    assert (reading.bad, reading.boxes) == (4, ((0, 0, 5, 5),))
    assert Kosmos2().read("<patch_index_2000><patch_index_3000>", WIDE).bad == 1


def test_a_format_reads_its_own_text_and_no_other():
    """One reply, two declared readings, two answers: nothing picks the better one."""
    assert Qwen3Vl().read('{"bbox_2d": [10, 10, 50, 50]}', WIDE) != Qwen25Vl().read('{"bbox_2d": [10, 10, 50, 50]}', WIDE)
    assert QwenVl().read("[10, 10, 50, 50]", WIDE).found == ()


ALL = [case[0] for case in CASES]
PIECES = [
    "[",
    "]",
    "(",
    ")",
    ",",
    "1",
    "999",
    "-3.5",
    "nan",
    "1e9",
    " ",
    "<loc0001>",
    "<loc_5>",
    "<patch_index_0001>",
    '"bbox_2d":',
    "é",
]


@settings(max_examples=150)
@given(text=st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_text_breaks_a_reader(text: str):
    for format in ALL:
        for box in format.read(text, WIDE).boxes:
            assert all(map(math.isfinite, box)) and box[0] < box[2] and box[1] < box[3]
    for points in (UnitPoints(), SeenPoints(), ThousandPoints(), BoxMiddle()):
        assert points.read(text, WIDE) is None or len(points.read(text, WIDE)) == 2


@pytest.mark.parametrize("piece", ["[", "(1,1),", "9", "[1,", " ", '"bbox_2d": [', "<loc0001>"])
def test_a_megabyte_is_read_in_a_moment(piece: str):
    for format in ALL:
        format.read(piece * (1_000_000 // len(piece)), WIDE)


FACTS = {"width": 200, "height": 100}


def judged(metric: RefCoco, replies: list[str], gold=(0, 0, 10, 10)) -> list[Marked]:
    return [Marked(str(i), gold, FACTS, metric.judge(raw, gold, FACTS)) for i, raw in enumerate(replies)]


def test_missing_and_bad_boxes_are_wrong_and_said():
    accuracy, shared, bad = RefCoco().aggregate(
        judged(RefCoco(), ["[0, 0, 10, 5]", "no box", "[10, 10, 0, 0] [0, 0, 10, 10]", "[0,0,10,4]"])
    )
    assert (accuracy.metric, accuracy.value, accuracy.count, accuracy.unparsed) == ("Acc@0.5", 0.25, 4, 2)
    assert shared.value == pytest.approx((0.5 + 0.4) / 4)
    assert (bad.value, bad.higher_is_better) == (0.25, False)


def test_the_threshold_is_a_field_and_in_the_name():
    assert RefCoco(threshold=0.6).aggregate(judged(RefCoco(threshold=0.6), ["[0,0,10,5]"]))[0].value == 0.0
    with pytest.raises(ConfigError, match="above 0"):
        RefCoco(threshold=0.0)


def test_conventions_of_overlap_are_classes():
    """Ours: a sliver of one column is nothing to the notebook; pixels make sides one longer; a gap costs generalized IoU."""
    sliver, gold = "[9, 0, 19, 10]", (0, 0, 10, 10)
    assert RefCoco().judge(sliver, gold, FACTS).details["iou"] == pytest.approx(10 / 190)
    assert RefCocoNotebook().judge(sliver, gold, FACTS).details["iou"] == 0.0
    assert RefCocoInclusive().judge("[0, 0, 9, 4]", (0, 0, 9, 9), FACTS).details["iou"] == 0.5
    assert RefCocoMdetr().judge("[0, 0, 10, 5]", gold, FACTS).score == 1.0
    assert RefCocoMdetr().judge("[5, 5, 15, 15]", gold, FACTS).details["iou"] == pytest.approx(25 / 175 - 50 / 225)


def test_no_expressions_is_an_error():
    with pytest.raises(DataError, match="no answers"):
        RefCoco().aggregate([])


@pytest.mark.parametrize(
    ("format", "raw", "hit"),
    [
        (UnitPoints(), "(0.10, 0.25)", 1.0),  # (20, 25) px: on the corner
        (UnitPoints(), "[0.1, 0.2, 0.3, 0.6]", 1.0),
        (UnitPoints(), "(20, 25)", 0.0),
        (ThousandPoints(), "[150, 300]", 1.0),
        (SeenPoints(), '{"action": "click", "coordinate": [30, 30]}', 1.0),
        (BoxMiddle(), "<box>(100,200),(300,400)</box>", 1.0),
        (BoxMiddle(), "<box>(300,400),(100,200)</box>", 0.0),
        (UnitPoints(), "0.1 0.2 0.3", 0.0),
        (UnitPoints(), "click the button", 0.0),
    ],
)
def test_clicks_by_hand(format, raw: str, hit: float):
    """Ours: the element is (20, 25, 60, 50) px in a picture of 200 × 100."""
    mark = ScreenSpot(format=format).judge(raw, (20, 25, 60, 50), FACTS)
    assert mark.score == hit
    json.dumps(mark.details)


def test_a_reply_without_a_point_is_counted():
    metric = ScreenSpot()
    (found,) = metric.aggregate(
        [Marked(str(i), (0, 0, 1, 1), FACTS, metric.judge(raw, (0, 0, 1, 1), FACTS)) for i, raw in enumerate("ab")]
    )
    assert (found.metric, found.value, found.unparsed) == ("click accuracy", 0.0, 2)

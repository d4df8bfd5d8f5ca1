"""Laws of every ruler of boxes, masks, detections, moments and counts: whatever a model says, in whatever order, however long."""

import json
import math
import random
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omma.metrics
from omma.core.config import load, show
from omma.core.errors import DataError
from omma.metrics.metric import Mark, Marked, Metric

ROOT = Path(omma.metrics.__file__).parent
FOLDERS = ("boxes", "masks", "detection", "video")
FACTS = {
    **{"width": 20, "height": 10, "duration": 40, "categories": [1, 2], "dataset": "a"},
    **{"neg_category_ids": [2], "not_exhaustive_category_ids": [], "frequency": {"r": [1], "c": [2], "f": []}},
}
BOX = [0, 0, 10, 8]
MASK = {"size": [10, 20], "counts": [20, 60, 120]}
BOXES = [{"category_id": 1, "bbox": BOX, "area": 80}]
MASKS = [{"category_id": 1, "segmentation": MASK, "area": 60}]
POINTS = [number for i in range(17) for number in (i, i % 5, 2)]
PEOPLE = [{"category_id": 1, "keypoints": POINTS, "num_keypoints": 17, "bbox": [0, 0, 16, 4], "area": 2000}]
GOLDS = {  # of each ruler: what is right, and a reply that says so
    **dict.fromkeys(
        ("RefCoco", "RefCocoNotebook", "RefCocoInclusive", "RefCocoMdetr", "GroundingSuiteBox"), (BOX, "[0, 0, 10, 8]")
    ),
    **dict.fromkeys(("ScreenSpot", "LmmsEvalScreenSpot"), (BOX, "(0.2, 0.3)")),
    **dict.fromkeys(("ReferringMask", "ReasonSeg", "GroundingSuiteMask", "GRefCoco"), (MASK, json.dumps(MASK))),
    **dict.fromkeys(("VideoObject", "Davis"), ([MASK] * 3, json.dumps([MASK] * 3))),
    "Gcg": ({"labels": ["cat"], "masks": [MASK]}, json.dumps({"phrases": ["cat"], "masks": [MASK]})),
    **dict.fromkeys(("CocoBox", "LvisBox", "Odinw"), (BOXES, json.dumps(BOXES))),
    "CocoKeypoints": (PEOPLE, json.dumps(PEOPLE)),
    **dict.fromkeys(("CocoMask", "LvisMask"), (MASKS, json.dumps(MASKS))),
    **dict.fromkeys(("Moments", "LmmsEvalMoments"), ([2.0, 8.0], "2.0 to 8.0")),
    "VtimeLlmMoments": ([2.0, 8.0], "from 05 to 20"),
    "Counting": (7, "seven"),
}
HOSTILE = (
    *("", "\x00", "\ud800", "NaN", "1e999", "9" * 5000, "null", "[]", "{}", "[[]]", "[null]", "[" * 2000, "٣ to ٤", "²"),
    *('[{"category_id": [], "bbox": []}]', '[{"category_id": 1, "bbox": [0, 0, 1e308, 1e308]}]', '{"size": [1, 1]}'),
    *('{"size": [99999999, 99999999], "counts": "0"}', '{"size": [10, 20], "counts": [200]}', '{"phrases": [1], "masks": [2]}'),
    *(
        "[[0, 0, 1, 1, NaN, 2]]",
        "[[0, 0, 1e9, 0, 1e9, 1e9]]",
        "[[[0, 0], [5, 0], [5, 5]]]",
        '{"no_target": 3}',
        "[0, 0, Infinity, 1]",
    ),
)


def rulers() -> dict[str, Metric]:
    names = [
        f"{folder}.{path.stem}" for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py")) if path.stem != "__init__"
    ]
    found = {}
    for name in [*names, "counting"]:
        module = import_module(f"omma.metrics.{name}")
        kinds = (thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Metric))
        found |= {kind.__name__: kind() for kind in kinds if kind.__module__ == module.__name__}
    return found


RULERS = rulers()
EACH = pytest.mark.parametrize("rule", RULERS.values(), ids=RULERS)


def marked(rule: Metric, replies: list[str], copy: int = 0) -> list[Marked]:
    gold = GOLDS[type(rule).__name__][0]
    return [Marked(f"{i:03}-{copy}", gold, FACTS, rule.judge(raw, gold, FACTS)) for i, raw in enumerate(replies)]


def some(rule: Metric) -> list[str]:
    """Right replies among wrong and unreadable ones."""
    right = GOLDS[type(rule).__name__][1]
    return [right, "no idea", right, "", "[]", right, '{"size": [10, 20], "counts": [200]}', "0 to 1"]


def values(numbers) -> list[float]:
    return [value for one in numbers for value in (one.value, one.low, one.high)]


def test_every_ruler_is_here_and_says_its_source():
    assert set(RULERS) == set(GOLDS)
    assert all(rule.label and rule.variant and rule.source for rule in RULERS.values())


@EACH
def test_a_ruler_is_a_config_that_loads_back(rule: Metric):
    assert load(show(rule), where="ruler") == rule


@EACH
@settings(max_examples=25, deadline=None)
@given(raw=st.text(alphabet=st.characters(), max_size=30) | st.sampled_from(HOSTILE))
def test_any_reply_gets_one_mark_and_no_error(rule: Metric, raw: str):
    mark = rule.judge(raw, GOLDS[type(rule).__name__][0], FACTS)
    assert isinstance(mark, Mark) and 0.0 <= mark.score <= 1.0


@EACH
def test_all_hostile_replies_together_leave_numbers(rule: Metric):
    first = rule.aggregate(marked(rule, list(HOSTILE)))[0]
    assert first.value == pytest.approx(0.0, abs=0.5) and first.count in (len(HOSTILE), 1)


@EACH
@pytest.mark.parametrize(
    "piece", ["[0, ", "x", " ", "1,", "12 to ", '{"size": '], ids=["list", "word", "blank", "numbers", "times", "json"]
)
def test_a_megabyte_is_a_reply(rule: Metric, piece: str):
    mark = rule.judge(piece * (1_000_000 // len(piece)), GOLDS[type(rule).__name__][0], FACTS)
    assert 0.0 <= mark.score <= 1.0


@EACH
def test_numbers_do_not_depend_on_the_order_of_replies(rule: Metric):
    replies = marked(rule, some(rule))
    shuffled = random.Random(1).sample(replies, len(replies))
    assert repr(rule.aggregate(shuffled)) == repr(rule.aggregate(replies))


@EACH
def test_numbers_lie_in_their_intervals(rule: Metric):
    for one in rule.aggregate(marked(rule, some(rule))):
        assert math.isnan(one.low) or one.low <= one.value <= one.high
        assert math.isnan(one.value) or one.unit == "points" or -1.0 <= one.value <= 1.0 + 1e-5


@EACH
def test_everything_twice_gives_the_same_numbers(rule: Metric):
    once, twice = (
        rule.aggregate(marked(rule, some(rule))),
        rule.aggregate(marked(rule, some(rule)) + marked(rule, some(rule), copy=1)),
    )
    for one, two in zip(once, twice, strict=True):
        assert two.value == pytest.approx(one.value, nan_ok=True, rel=1e-5)
        assert (two.count, two.unparsed) == (2 * one.count, 2 * one.unparsed)


@EACH
def test_right_replies_are_perfect(rule: Metric):
    first = rule.aggregate(marked(rule, [GOLDS[type(rule).__name__][1]] * 5))[0]
    assert first.value == pytest.approx(1.0, abs=1e-5) and first.unparsed == 0


@EACH
def test_questions_that_were_never_answered_are_wrong_and_unparsed(rule: Metric):
    never = [replace(one, mark=rule.unread(one.gold, one.facts)) for one in marked(rule, some(rule))]
    assert {(one.mark.parsed, one.mark.score) for one in never} == {(False, 0.0)}
    first = rule.aggregate(never)[0]
    assert (first.value, first.unparsed) == (0.0, len(never))


@EACH
def test_nothing_to_score_is_an_error(rule: Metric):
    with pytest.raises(DataError, match=r"no (answers|pictures) to score"):
        rule.aggregate([])

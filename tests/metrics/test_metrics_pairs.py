"""Pairs of captions: ARO's tie trap, Winoground's three scores, SugarCrepe in scores and in words. The cases are ours."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.metric import Marked
from omma.metrics.pairs.aro import AroAttribution, AroOrder, AroRelation, StrictAroOrder
from omma.metrics.pairs.sugarcrepe import SugarCrepe, SugarCrepeAsked, SugarCrepePlus, SugarCrepePlusPictures
from omma.metrics.pairs.winoground import Winoground

RULERS = (
    AroRelation(),
    AroAttribution(),
    AroOrder(),
    StrictAroOrder(),
    Winoground(),
    SugarCrepe(),
    SugarCrepeAsked(),
    SugarCrepePlus(),
    SugarCrepePlusPictures(),
)
FACTS = {"relation": "on", "attribute": "red_big", "split": "swap_obj", "first": "positive"}
HOSTILE = (
    "",
    "null",
    "NaN",
    "[NaN, 1]",
    "[1e999, 0]",
    "[true, false]",
    "[[1, 2], [3]]",
    "[" * 3000,
    '{"a": [[]]}',
    "[1, 2, 3]",
    "\ud800",
    "(1) (2)",
)


def marked(rule, raws, facts=lambda i: FACTS):
    return [Marked(str(i), None, facts(i), rule.judge(raw, None, facts(i))) for i, raw in enumerate(raws)]


def test_a_constant_scorer_has_nothing_in_relations_and_everything_in_order():
    """The tie trap of the official scripts, and the strict class without it."""
    two, five = [json.dumps([0.5] * n) for n in (2, 5)]
    values = [
        rule.aggregate(marked(rule, [raw]))[0].value
        for rule, raw in ((AroRelation(), two), (AroOrder(), five), (StrictAroOrder(), five))
    ]
    assert values == [0.0, 1.0, 0.0]


def test_samples_that_name_no_relation_have_no_mean_over_relations():
    rule = AroRelation()
    facts = [{"relation": name} for name in ("on", "on", "under", "")]
    rows = marked(rule, ["[0, 1]", "[1, 0]", "[0, 1]", "[0, 1]"], lambda i: facts[i])
    assert [number.value for number in rule.aggregate(rows)] == [3 / 4, (1 / 2 + 1) / 2]
    assert len(rule.aggregate(rows[3:])) == 1


@given(st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_order_is_numpys_argmax_and_strict_is_beating_all(scores):
    raw = json.dumps(scores)
    assert AroOrder().judge(raw, None, {}).score == float(np.argmax(scores) == 0)
    assert StrictAroOrder().judge(raw, None, {}).score == float(scores[0] > max(scores[1:]))
    assert AroRelation().judge(json.dumps(scores[:2]), None, {}).score == float(np.argmax(scores[:2]) == 1)


def test_relations_are_averaged_over_samples_and_over_relations():
    raws = ["[0, 1]", "[0, 1]", "[0, 1]", "[1, 0]"]
    micro, macro = AroRelation().aggregate(marked(AroRelation(), raws, lambda i: {"relation": "on" if i < 3 else "near"}))
    assert (micro.value, macro.value, macro.count) == (0.75, 0.5, 2)


def test_rare_attributes_are_left_out_of_their_mean_only():
    raws = ["[0, 1]"] * 25 + ["[1, 0]"] * 5
    rows = marked(AroAttribution(), raws, lambda i: {"attribute": "red_big" if i < 25 else "old_wet"})
    micro, macro = AroAttribution().aggregate(rows)
    assert (micro.value, macro.value) == (25 / 30, 1.0)
    assert len(AroAttribution().aggregate(rows[25:])) == 1


def test_winoground_by_hand():
    cases = {
        "[[0.9, 0.1], [0.2, 0.8]]": (1.0, 1.0, 1.0),  # both
        "[[0.9, 0.6], [0.5, 0.7]]": (1.0, 1.0, 1.0),
        "[[0.9, 0.8], [0.1, 0.85]]": (1.0, 1.0, 1.0),
        "[[0.5, 0.1], [0.6, 0.9]]": (0.0, 0.0, 1.0),  # each caption finds its picture, the first picture not its caption
        "[[0.5, 0.6], [0.1, 0.9]]": (0.0, 1.0, 0.0),
        "[[0.5, 0.5], [0.5, 0.5]]": (0.0, 0.0, 0.0),  # ties are wrong
        "nothing": (0.0, 0.0, 0.0),
    }
    for raw, expected in cases.items():
        assert tuple(number.value for number in Winoground().aggregate(marked(Winoground(), [raw]))) == expected, raw


def test_random_winoground_scores_give_a_quarter_and_a_sixth():
    tables = np.random.default_rng(0).random((6000, 2, 2)).tolist()
    group, text, image = (number.value for number in Winoground().aggregate(marked(Winoground(), map(json.dumps, tables))))
    assert (group, text, image) == pytest.approx((1 / 6, 1 / 4, 1 / 4), abs=0.02)


def test_sugarcrepe_is_strict_and_averages_over_splits():
    raws = ["[2, 1]", "[1, 2]", "[1, 1]", "[3, 1]", "?"]
    splits = ["swap_obj", "swap_obj", "swap_obj", "add_att", "add_att"]
    numbers = SugarCrepe().aggregate(marked(SugarCrepe(), raws, lambda i: {"split": splits[i]}))
    found = {number.metric: number.value for number in numbers}
    assert found == pytest.approx({"accuracy": (1 / 3 + 1 / 2) / 2, "accuracy add_att": 1 / 2, "accuracy swap_obj": 1 / 3})


def test_both_orders_of_asking_are_averaged():
    raws = ["(1)", "(2)", "The best is (2).", "Output (1)", "Neither (1) nor (2)."]
    firsts = ["positive", "positive", "negative", "negative", "negative"]
    rule = SugarCrepeAsked()
    mean, positive, negative = rule.aggregate(marked(rule, raws, lambda i: {"first": firsts[i]}))
    assert (positive.value, negative.value) == (1 / 2, 1 / 3)
    assert mean.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert mean.unparsed == negative.unparsed == 1


def test_sugarcrepe_plus_by_hand():
    raws = ["[3, 2, 1, 9, 8, 7]", "[3, 1, 1, 9, 9, 7]", "[0, 2, 1, 9, 1, 9.5]"]
    found = {number.metric: number.value for number in SugarCrepePlus().aggregate(marked(SugarCrepePlus(), raws))}
    assert found == pytest.approx({"image-to-text": 1 / 3, "first caption": 2 / 3, "second caption": 2 / 3, "text-only": 1 / 3})
    raws = [json.dumps(json.loads(raw)[:3]) for raw in raws]
    rule = SugarCrepePlusPictures()
    without = {number.metric: number.value for number in rule.aggregate(marked(rule, raws))}
    assert without == {name: value for name, value in found.items() if name != "text-only"}


@pytest.mark.parametrize("rule", RULERS, ids=lambda rule: type(rule).__name__)
def test_whatever_a_model_says_is_wrong_or_right_and_counted(rule):
    rows = marked(rule, HOSTILE)
    numbers = rule.aggregate(rows)
    assert all(0 <= number.value <= 1 and number.unparsed >= len(HOSTILE) - 1 for number in numbers)
    assert numbers == rule.aggregate(rows[::-1])
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])

"""VQA accuracy: the official rule and its oddities, by hand; bounds by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.vqa import (
    CONTRACTIONS,
    MMF,
    VLMEVALKIT,
    LmmsEvalVqa,
    OkVqa,
    VlmEvalKitVqa,
    Vqa,
    soft_accuracy,
    vqa_accuracy,
    vqa_normalise,
)


@pytest.mark.parametrize(
    ("agreeing", "expected"),
    [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0)],
)
def test_soft_accuracy_of_ten_people(agreeing, expected):
    """k people say yes, 10 − k say something else. Leaving out one of the k leaves k − 1, else k: mean of min(1, ·/3)."""
    golds = ["yes"] * agreeing + [f"other {number} words" for number in range(10 - agreeing)]
    assert vqa_accuracy("yes", golds) == pytest.approx(expected)


def test_people_who_all_agree_are_compared_letter_by_letter():
    assert vqa_accuracy("yes", ["yes"] * 10) == 1.0
    assert vqa_accuracy("Yes", ["yes"] * 10) == 0.0
    assert vqa_accuracy("Yes", ["yes"] * 9 + ["no"]) == 1.0
    assert vqa_accuracy(" yes\n", ["yes\t"] * 10) == 1.0


def test_few_or_no_golds():
    assert vqa_accuracy("yes", []) == 0.0
    assert vqa_accuracy("yes", ["yes"]) == 0.0
    assert vqa_accuracy("yes", ["yes", "yes", "yes"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Dog", "dog"),
        ("a an the", ""),
        ("two dogs", "2 dogs"),
        ("none", "0"),
        ("ten", "10"),
        ("eleven", "eleven"),
        ("1,000", "1000"),
        ("red,green", "red green"),
        ("red, green", "red green"),
        ("yes!", "yes"),
        ("what?!", "what"),
        ("t-shirt", "t shirt"),
        ("t- shirt", "t shirt"),
        ("u/;v c/d", "u v c d"),  # the slash stood next to no space in the text as given
        ("3.5", "3.5"),
        ("3.", "3"),
        ("a.m.", "am"),
        ("dont", "don't"),
        ("don't", "don't"),
        ("couldn'tve", "couldn't've"),
        ("couldnt've", "couldn't've"),
        ("somebody'd", "somebodyd"),
        ("Im", "im"),
        ("its", "its"),
        ("'ow'sat", "'ow's'at"),
        ("dog's", "dog's"),
        ("he said: no", "he said: no"),
    ],
)
def test_official_normal_form(text, expected):
    assert vqa_normalise(text) == expected


def test_only_the_first_thirty_two_periods_go():
    assert vqa_normalise("." * 40) == "." * 8


def test_the_table_of_contractions_repairs_and_never_repairs_twice():
    assert len(CONTRACTIONS) == 114
    for wrong, right in CONTRACTIONS.items():
        assert wrong.replace("'", "") == right.replace("'", "") and wrong != right
        assert CONTRACTIONS.get(right, right) == right


words = st.text(alphabet="ab12 .,'-The", max_size=12)


@given(answer=words, golds=st.lists(words, max_size=10))
def test_bounds_and_order_of_golds(answer, golds):
    value = vqa_accuracy(answer, golds)
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(vqa_accuracy(answer, golds[::-1]))


@pytest.mark.parametrize(
    ("reply", "golds", "scores"),
    [  # official, lmms-eval, VLMEvalKit
        ("yes", ["yes"] * 10, (1, 1, 1)),
        ("Yes.", ["yes"] * 10, (0, 1, 1)),  # officially people who agree are taken by the letter
        ("Yes.", ["yes"] * 9 + ["no"], (1, 1, 1)),
        ("3.", ["3"] * 9 + ["4"], (1, 1, 0)),  # VLMEvalKit keeps a period behind a digit
        ("a.m", ["am"] * 9 + ["pm"], (1, 1, 1)),
        ("1,,0-2", ["1002"] * 9 + ["0"], (0, 0, 0)),
        ("1,,02", ["102"] * 9 + ["0"], (0, 1, 0)),  # mmf takes several commas between digits for one
    ],
)
def test_one_reply_under_three_rules(reply, golds, scores):
    """Hand-worked."""
    assert tuple(rule.judge(reply, golds, {}).score for rule in (Vqa(), LmmsEvalVqa(), VlmEvalKitVqa())) == pytest.approx(scores)


def test_what_was_compared_is_kept():
    assert Vqa().judge("The Dog.", ["dog"] * 9 + ["cat"], {}).said == "dog"
    assert Vqa().judge("The Dog.", ["dog"] * 10, {}).said == "The Dog."


def test_five_people_of_ok_vqa_count_twice():
    five, rule = ["race", "racing", "race", "ride", "speed"], OkVqa()
    assert [rule.judge(said, five, {}).score for said in ("race", "ride", "sleep")] == pytest.approx([1.0, 0.6, 0.0])
    assert rule.judge("ride", five * 2, {}) == rule.judge("ride", five, {})


def test_periods_and_commas_differ_between_copies_of_the_normal_form():
    assert [vqa_normalise("3. a.m.", form) for form in (MMF, VLMEVALKIT)] == ["3 am", "3. am"]
    assert vqa_normalise("1,,0", MMF) == "10" and vqa_normalise("1,,0") == "1 0"


def test_soft_accuracy_is_the_mean_over_people_left_out_one_by_one():
    golds = ["a", "a", "b", "c"]
    by_hand = [min(1.0, sum(other == "a" for j, other in enumerate(golds) if j != i) / 3) for i in range(4)]
    assert soft_accuracy("a", golds) == pytest.approx(sum(by_hand) / 4) == pytest.approx(0.5)

"""HallusionBench: by recorded verdicts and by the words yes and no. Hand-worked; judged files are not public."""

import pytest

from omma.metrics.hallusion import HallusionBench, VlmEvalKitHallusion
from omma.metrics.metric import Marked

# category, set, figure, question → right?   One visual set with an edited figure; one with none, one figure and one edited.
ASKED = {
    ("VD", "0", "0", "0"): True,
    ("VD", "0", "0", "1"): True,
    ("VD", "0", "1", "0"): True,
    ("VD", "0", "1", "1"): False,
    ("VS", "0", "0", "0"): None,  # unclear, and no figure was shown
    ("VS", "0", "1", "0"): True,
    ("VS", "0", "2", "0"): None,
}
VERDICTS = {True: "Correct.", False: "The answer is incorrect", None: "unclear"}
CODES = {True: "1", False: "0", None: "2"}
SAID = {True: "yes", False: "No.", None: "I cannot tell"}


VISUAL = {("VD", "0"): "1", ("VD", "1"): "2", ("VS", "0"): "0", ("VS", "1"): "1", ("VS", "2"): "2"}


def facts_of(key):
    category, set_id, figure, question = key
    told = {"category": category, "subcategory": "chart", "set_id": set_id, "figure_id": figure, "question_id": question}
    return told | {"visual_input": VISUAL[category, figure]}


def numbers(rule, rows):
    return rule.aggregate([Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)])


@pytest.mark.parametrize("verdicts", [VERDICTS, CODES])
def test_recorded_verdicts(verdicts):
    """By hand: 5 of 7 questions (unclear without figure is right); figures VD 0 right, VD 1 wrong, VS 1 right, VS 2 wrong;
    pairs: VD 0 right, VD 1 wrong, VS 0 wrong; unedited: VD 0, VD 1, VS 0 right; edited: VD 0 right, VD 1 and VS 0 wrong."""
    found = numbers(HallusionBench(), [("", None, facts_of(key) | {"judge": verdicts[right]}) for key, right in ASKED.items()])
    assert {one.metric: one.value for one in found} == pytest.approx(
        {"aAcc": 5 / 7, "fAcc": 2 / 4, "qAcc": 1 / 3, "easy aAcc": 1.0, "hard aAcc": 1 / 3}
    )
    assert {(one.unparsed, one.count) for one in found} == {(2, 2)}


def test_words_of_the_reply():
    """By hand, without VS 0, which shows no figure: 4 of 6; figures VD 0 and VS 1 right of four; pairs: VD 0 right of three."""
    found = numbers(VlmEvalKitHallusion(), [(SAID[right], "1", facts_of(key)) for key, right in ASKED.items()])
    expected = {"aAcc": 4 / 6, "fAcc": 2 / 4, "qAcc": 1 / 3}
    assert {one.metric: one.value for one in found} == pytest.approx({"Overall Acc": sum(expected.values()) / 3} | expected)
    assert found[0].unparsed == 1
    assert numbers(VlmEvalKitHallusion(), [("yes", "1", facts_of(("VS", "0", "0", "0")))]) == ()


def test_numbers_that_nothing_belongs_to_are_left_out():
    original = facts_of(("VS", "0", "0", "0")) | {"judge": "correct"}
    assert [one.metric for one in numbers(HallusionBench(), [("", None, original)])] == ["aAcc", "qAcc", "easy aAcc"]


@pytest.mark.parametrize("category", ["VD", "VS"])
def test_without_a_verdict_a_reply_is_wrong_and_unparsed(category):
    mark = HallusionBench().judge("correct", "1", facts_of((category, "0", "0", "0")))
    assert (mark.score, mark.parsed) == (0.0, False)


def test_sets_of_the_same_number_in_other_categories_are_others():
    keys = [("VD", "0", "1", "0"), ("VS", "0", "1", "0")]
    found = numbers(VlmEvalKitHallusion(), [(said, "yes", facts_of(key)) for said, key in zip(("yes", "no"), keys, strict=True)])
    assert {one.metric: one.value for one in found}["fAcc"] == 0.5


def test_an_original_figure_that_supplements_a_question_is_easy():
    """The official script goes by `visual_input`: figure 1 of VS is no edited one, though its number is not 0."""
    rows = [
        ("", None, facts_of(("VS", "0", "1", "0")) | {"judge": "incorrect"}),
        ("", None, facts_of(("VS", "0", "2", "0")) | {"judge": "correct"}),
    ]
    found = {one.metric: one.value for one in numbers(HallusionBench(), rows)}
    assert (found["easy aAcc"], found["hard aAcc"]) == (0.0, 1.0)


def test_without_visual_input_nothing_is_called_easy_or_hard():
    told = {name: value for name, value in facts_of(("VD", "0", "0", "0")).items() if name != "visual_input"}
    assert [one.metric for one in numbers(HallusionBench(), [("", None, told | {"judge": "correct"})])] == ["aAcc", "fAcc", "qAcc"]

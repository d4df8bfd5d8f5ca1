"""Recorded verdicts: MM-Vet's scores and VL-RewardBench's preferences. All cases are worked by hand, and ours."""

import random

import pytest

from omma.core.errors import DataError
from omma.metrics.judged.mmvet import JudgeFreeMmVet, MmVet, contained_score, recorded_score
from omma.metrics.judged.vl_rewardbench import VlRewardBench, preferred, rejected
from omma.metrics.metric import Marked

BETTER = "**Overall Judgment**: Answer {} is better."


@pytest.mark.parametrize(
    ("judge", "score"),
    [
        ("0.8", 0.8),
        ("1.0 because", 1.0),
        (["0.4", "0.6"], 0.5),
        (["0.4", "?"], None),
        ("8", None),
        ("nan", None),
        ("", None),
        ([], None),
    ],
)
def test_a_recorded_score_is_a_first_word_in_the_unit_interval(judge, score):
    assert recorded_score(judge) == score


def test_a_reply_counts_for_each_of_its_capabilities():
    metric = MmVet()
    rows = [({"judge": "1.0", "capability": ["rec", "ocr"]}), ({"judge": "0.0", "capability": ["ocr"]}), ({"capability": ["rec"]})]
    marks = [Marked(str(i), "", facts, metric.judge("said", "", facts)) for i, facts in enumerate(rows)]
    found = {number.metric: (number.value, number.count, number.unparsed) for number in metric.aggregate(marks)}
    assert found == {
        "score": (1 / 3, 3, 1),
        "score/ocr": (0.5, 2, 0),
        "score/rec": (0.5, 2, 1),
        "score/exactly/ocr": (0.0, 1, 0),
        "score/exactly/ocr+rec": (1.0, 1, 0),
        "score/exactly/rec": (0.0, 1, 1),
    }


def test_without_a_judge_parts_of_the_gold_are_looked_for():
    assert contained_score("x = -1 or x = -5", "-1<AND>-5") == 1.0
    assert contained_score("x = -1", "-1<AND>-5") == 0.5
    assert contained_score("It is a Cat.", "dog<OR>cat") == 1.0
    assert contained_score("", "dog") == 0.0
    assert not JudgeFreeMmVet().judge(" ", "dog", {}).parsed


@pytest.mark.parametrize(
    ("judgment", "number"),
    [
        (BETTER.format(1), 1),
        ("Therefore, I think that\nAnswer 2 is the slightly better one", 2),
        ("Overall Judgment: Answer 1 is better. No: Answer 2 is better", 2),
        ("Answer 1 is better. Therefore I stop.", None),
        ("Overall Judgment: both are good", None),
        ("Overall Judgment: Answer " + "9" * 5000 + " is better", None),
        ("", None),
    ],
)
def test_the_last_verdict_behind_the_first_cue_counts(judgment, number):
    assert preferred(judgment) == number


def test_a_megabyte_without_a_verdict_is_read_at_once():
    assert preferred("Therefore" + " " * 1_000_000) is None
    assert preferred("Therefore " + "Answer 1 is " * 80_000) is None


def test_turned_order_turns_the_rejected_answer():
    assert [rejected([0, 1], 0), rejected([0, 1], 1), rejected([1, 0], 0), rejected([1, 0], 1)] == [2, 1, 1, 2]
    with pytest.raises(DataError, match="ranks"):
        rejected([1, 1], 0)


def verdicts(metric: VlRewardBench, items: dict[str, tuple[str, list[str]]]) -> list[Marked]:
    marks = []
    for item, (dataset, judgments) in items.items():
        for draw, judgment in enumerate(judgments):
            facts = {"item": item, "draw": draw, "random_number": 0, "dataset": dataset}
            marks.append(Marked(f"{item}-{draw}", [0, 1], facts, metric.judge(judgment, [0, 1], facts)))
    return marks


ONE, TWO, NONE = BETTER.format(1), BETTER.format(2), "undecided"
ITEMS = {
    "a": ("povid", [ONE, TWO, ONE]),
    "b": ("povid", [TWO, TWO, ONE]),
    "c": ("vlfeedback", [ONE, ONE, ONE]),
    "d": ("reasoning_tasks", [ONE, NONE, ONE]),
    "e": ("reasoning_tasks", [TWO, ONE, ONE]),
}


def test_majorities_are_taken_over_k_and_items_that_cannot_be_read_leave_officially():
    metric = VlRewardBench(k=3)
    marks = verdicts(metric, ITEMS)
    expected = {
        "overall accuracy": 3 / 4,
        "macro accuracy": (0.5 + 1 + 1) / 3,
        "accuracy/general": 1.0,
        "accuracy/hallucination": 0.5,
        "accuracy/reasoning": 1.0,
        "accuracy of all items": 3 / 5,
    }
    for order in (marks, random.Random(0).sample(marks, len(marks))):
        assert {number.metric: number.value for number in metric.aggregate(order)} == pytest.approx(expected)


def test_with_one_verdict_only_the_first_counts_and_two_that_disagree_decide_nothing():
    first = {number.metric: number.value for number in VlRewardBench().aggregate(verdicts(VlRewardBench(), ITEMS))}
    assert first["overall accuracy"] == 3 / 5
    two = VlRewardBench(k=2)
    found = {number.metric: number.value for number in two.aggregate(verdicts(two, ITEMS))}
    assert (found["overall accuracy"], found["accuracy of all items"]) == (1 / 2, 1 / 5)

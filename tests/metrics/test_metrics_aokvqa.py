"""A-OKVQA's direct answers: the official count of people who said exactly that, worked out by hand from its script."""

import pytest

from omma.metrics.aokvqa import AOkVqa, NormalAOkVqa

GOLDS = ["cab", "cab", "cab", "taxi", "taxi", "car", "a ride", "bus", "train", "uber"]


@pytest.mark.parametrize(
    ("reply", "official", "normal"),
    [
        ("cab", 1.0, 1.0),
        ("taxi", 2 / 3, 2 / 3),
        ("car", 1 / 3, 1 / 3),
        ("Cab", 0.0, 1.0),
        ("A cab.", 0.0, 1.0),
        ("a ride", 1 / 3, 0.0),
        ("plane", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_a_third_for_each_person_who_said_exactly_that(reply, official, normal):
    marks = [rule.judge(reply, GOLDS, {}) for rule in (AOkVqa(), NormalAOkVqa())]
    assert [mark.score for mark in marks] == pytest.approx([official, normal])
    assert [mark.parsed for mark in marks] == [bool(reply)] * 2


def test_more_than_three_people_are_worth_no_more_than_three():
    assert AOkVqa().judge("cab", ["cab"] * 10, {}).score == 1.0

"""GQA's distribution, worked out by hand from the script of its page; no published answers with a key exist."""

import math

import pytest

from omma.core.errors import DataError
from omma.metrics.gqa_distribution import GqaDistribution
from omma.metrics.metric import Marked

RULE = GqaDistribution()


def numbers(rows):
    marked = [
        Marked(str(i), gold, facts := {"group": group} if group else {}, RULE.judge(said, gold, facts))
        for i, (said, gold, group) in enumerate(rows)
    ]
    return RULE.aggregate(marked)


def test_the_answers_that_are_right_are_no_distance_away_even_in_another_order():
    (found,) = numbers([("red", "blue", "colour"), ("blue", "red", "colour"), ("cat", "cat", "animal")])
    assert (found.value, found.count, found.higher_is_better) == (0.0, 3, False)
    assert math.isnan(found.low) and math.isnan(found.high)


def test_groups_are_weighted_by_their_size():
    """colour: right red 2, blue 1; given red 3: (3−2)²/2 + (0−1)²/1 = 1.5, times 3. animal: 0, times 1. Over 4 and 100."""
    rows = [("red", "red", "colour"), ("red", "red", "colour"), ("red", "blue", "colour"), ("cat", "cat", "animal")]
    assert numbers(rows)[0].value == pytest.approx(1.5 * 3 / 4 / 100)


def test_an_answer_right_nowhere_in_its_group_and_an_empty_one_add_nothing_of_their_own():
    one = numbers([("green", "red", "colour"), ("", "red", "colour")])[0]
    assert (one.value, one.unparsed) == (pytest.approx((0 - 2) ** 2 / 2 / 100), 1)


def test_questions_without_a_group_are_left_out():
    assert numbers([("red", "red", ""), ("cat", "dog", "animal")])[0].count == 1
    assert numbers([("red", "red", "")]) == ()
    with pytest.raises(DataError, match="no answers to score"):
        RULE.aggregate([])

"""Yes or no: what four rules read in the same replies, and rates from outcomes. Hand-worked from the named scripts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from omma.core.errors import DataError
from omma.metrics.mme import LmmsEvalMme
from omma.metrics.yesno import OUTCOMES, f1, outcome, pope_says, precision, recall, start_says, truth, words_say


@pytest.mark.parametrize(
    ("reply", "pope", "mme", "lmms_mme", "words"),
    [
        ("Yes", True, True, True, True),
        ("yes.", True, True, True, True),
        ("No, there is not.", False, False, False, False),
        ("No\nway", None, False, False, False),  # words lie between spaces alone for POPE
        ("There is no dog", False, None, None, False),
        ("There is a dog. Not two", None, None, None, None),
        ("It is not red", False, None, None, None),
        ("NO", None, False, False, False),  # POPE knows "No", "no" and "not"
        ("Note the dog", None, False, False, None),
        ("know", None, False, False, None),
        ("yes and no", False, True, True, None),
        ("y", None, None, True, None),
        ("N.", None, None, False, None),
        ("  yes", True, None, True, True),  # two spaces leave MME "  ye"
        ("Yes,no", None, True, True, None),  # the comma goes first: "Yesno"
        ("**yes**", None, None, None, None),
        ("(yes)", None, True, True, True),
        ("", None, None, None, None),
    ],
)
def test_what_each_rule_reads(reply, pope, mme, lmms_mme, words):
    found = (pope_says(reply), start_says(reply), LmmsEvalMme().says(reply), words_say(reply))
    assert found == (pope, mme, lmms_mme, words)


@pytest.mark.parametrize(
    ("gold", "expected"), [("yes", True), ("No.", False), (1, True), ("0", False), (["Yes"], True), (True, True)]
)
def test_right_answers_as_they_are_stored(gold, expected):
    assert truth(gold, "POPE") is expected


@pytest.mark.parametrize("gold", ["maybe", "", 2, None, ["yes", "no"], []])
def test_another_right_answer_is_an_error(gold):
    with pytest.raises(DataError, match="expected yes or no"):
        truth(gold, "POPE")


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_rates_agree_with_scikit_learn(pairs):
    said, right = np.array(pairs).T
    sums = np.array([sum(outcome(*pair) == name for pair in pairs) for name in OUTCOMES], float)
    kept = {"zero_division": 0.0}
    assert precision(sums) == pytest.approx(precision_score(right, said, **kept))
    assert recall(sums) == pytest.approx(recall_score(right, said, **kept))
    assert f1(sums) == pytest.approx(f1_score(right, said, **kept))

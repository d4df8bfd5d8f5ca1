"""Text answers: what counts as equal, contained and near, by hand and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.text import Contains, Exact, TokenF1, accepted, contains, exact, normalise, token_f1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" “Yes.” ", "yes"),
        ("NO!", "no"),
        ("a  red\n square", "a red square"),
        ("(three)", "three"),
        (".5", ".5"),
        ("-5", "-5"),
        ("3.", "3"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("ﬁve", "five"),
        ("", ""),
        ("...", ""),
        ("don't", "don't"),
    ],
)
def test_normal_forms(text, expected):
    assert normalise(text) == expected


def test_exact_by_hand():
    assert exact("Two.", ["2", "two"]) == 1.0
    assert exact("two three", ["two"]) == 0.0
    assert exact("5", [".5"]) == 0.0
    assert exact("anything", []) == 0.0
    assert exact("", [""]) == 1.0


@given(text=st.text(max_size=40))
def test_normalising_twice_changes_nothing_and_texts_equal_themselves(text):
    assert normalise(normalise(text)) == normalise(text)
    assert exact(text, [text]) == 1.0 and exact(f"  {text}\n", [text]) == 1.0


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("It is a red-brick house.", ["Red brick"], 1.0),
        ("a category", ["cat"], 0.0),
        ("a cat", ["dog", "cat"], 1.0),
        ("red big car", ["red car"], 0.0),
        ("3.14", ["3"], 1.0),
        ("anything", [], 0.0),
        ("anything", ["", "?!"], 0.0),
        ("", ["cat"], 0.0),
        ("", [""], 0.0),
    ],
)
def test_contained_are_whole_words_in_a_row(answer, golds, expected):
    assert contains(answer, golds) == expected


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("the red car", ["a red car"], 1.0),  # articles do not count
        ("red car", ["red bus"], 0.5),  # one word of two on both sides
        ("red red car", ["red car"], 0.8),  # 2·2/(3+2): the second red is once too many
        ("red", ["blue", "dark red"], 2 / 3),  # the better of the two
        ("", ["the"], 1.0),  # no words on either side
        ("", ["cat"], 0.0),
        ("cat", [], 0.0),
    ],
)
def test_token_f1_by_hand(answer, golds, expected):
    """Hand-worked; 2·common / (words + words)."""
    assert token_f1(answer, golds) == pytest.approx(expected)


@given(a=st.text(alphabet="ab the.", max_size=20), b=st.text(alphabet="ab the.", max_size=20))
def test_token_f1_is_symmetric_and_bounded(a, b):
    assert 0.0 <= token_f1(a, [b]) <= 1.0
    assert token_f1(a, [b]) == token_f1(b, [a])
    assert token_f1(a, [a]) == 1.0


def test_golds_are_one_value_or_a_list_of_them():
    assert accepted("two") == ("two",)
    assert accepted(["two", 2]) == ("two", "2")
    assert accepted(2) == ("2",)


@pytest.mark.parametrize(("metric", "score"), [(Exact(), 0.0), (Contains(), 1.0), (TokenF1(), 2 / 5)])
def test_rulers_differ_on_a_sentence(metric, score):
    assert metric.judge("It is red now", "red", {}).score == pytest.approx(score)


def test_a_blank_reply_is_unparsed_and_scored_by_the_rule():
    blank = Exact().judge(" \n", ["yes"], {})
    assert not blank.parsed and blank.score == 0.0
    nothing = Exact().judge("", [""], {})
    assert not nothing.parsed and nothing.score == 1.0
    assert Exact().judge("yes", ["yes"], {}).parsed

"""Text answers: what counts as equal, by hand and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.text import exact, normalise


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

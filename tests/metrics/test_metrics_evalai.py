"""EvalAI's normal form, as TextVQA is scored: by hand, after mmf's `m4c_evaluators.py`."""

import pytest

from omma.metrics.evalai import LmmsEvalOkVqa, LmmsEvalVizWiz, TextVqa, evalai_accuracy, evalai_normalise
from omma.metrics.vqa import Vqa


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dog's, 1,000?", "dog 's 1000"),
        ("it's", "it 's"),
        ("dogs'", "dogs'"),
        ("red,green", "redgreen"),  # VQA v2 has "red green"
        ("why?not", "whynot"),
        ("t-shirt", "t shirt"),
        ("The two.", "2"),
        ("3.5", "3.5"),
        ("dont", "don't"),
        ("that's", "that 's"),
        (" A\nB\t", "b"),
    ],
)
def test_normal_form(text, expected):
    assert evalai_normalise(text) == expected


def test_people_who_agree_are_normalised_too():
    golds = ["Coca-Cola"] * 10
    assert TextVqa().judge("coca cola", golds, {}).score == 1.0
    assert Vqa().judge("coca cola", golds, {}).score == 0.0


@pytest.mark.parametrize(("agreeing", "expected"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0)])
def test_soft_accuracy(agreeing, expected):
    golds = ["Sony"] * agreeing + [f"other {number} words" for number in range(10 - agreeing)]
    assert evalai_accuracy("sony", golds) == pytest.approx(expected)


def test_lmms_eval_scores_three_benchmarks_by_one_rule():
    golds = ["1,000"] * 3 + ["many"] * 7
    found = [rule.judge("1000", golds, {}).score for rule in (TextVqa(), LmmsEvalOkVqa(), LmmsEvalVizWiz())]
    assert found == pytest.approx([0.9] * 3)

"""OCRBench: containment, its exception for formulas, groups and counts. Hand-worked from `OCRBench/example.py`."""

import pytest

from omma.metrics.metric import Marked
from omma.metrics.ocrbench import GROUPS, LmmsEvalOcrBench, OcrBench

FORMULA, SCENE = {"dataset_name": "HME100k"}, {"dataset_name": "svt"}


@pytest.mark.parametrize(
    ("reply", "golds", "facts", "scores"),
    [  # official, lmms-eval
        ("The word is CENTRE.", ["centre"], SCENE, (1, 1)),
        ("cent re", ["centre"], SCENE, (0, 0)),
        ("two\nlines", ["two lines"], SCENE, (1, 1)),
        ("cat", ["dog", "cat"], SCENE, (1, 1)),
        ("ＯＰＥＮ", ["open"], SCENE, (0, 1)),
        ("a\u3000b", ["a b"], SCENE, (0, 1)),
        ("anything", [""], SCENE, (1, 1)),  # an empty answer is in every reply
        ("x ^ 2 + Y", ["x^2+Y"], FORMULA, (1, 1)),
        ("X^2+Y", ["x^2+Y"], FORMULA, (0, 0)),
        ("ｘ", ["x"], FORMULA, (0, 0)),  # nothing is folded for formulas
    ],
)
def test_containment(reply, golds, facts, scores):
    assert (OcrBench().judge(reply, golds, facts).score, LmmsEvalOcrBench().judge(reply, golds, facts).score) == scores


def test_counts_of_all_and_of_groups():
    rule = OcrBench()
    kinds = ["Regular Text Recognition", "Handwriting Recognition", "Key Information Extraction", "Doc-oriented VQA"]
    rows = [(kind, said) for kind in kinds for said in ("right", "wrong", "right")][:-1]
    marks = [
        Marked(str(i), "right", {"type": kind}, rule.judge(said, "right", {"type": kind})) for i, (kind, said) in enumerate(rows)
    ]
    numbers = {one.metric: (one.value, one.count, one.unit) for one in rule.aggregate(marks)}
    assert numbers == {
        "OCRBench": (7.0, 11, "points"),
        "accuracy": (pytest.approx(7 / 11), 11, "share"),
        "Text Recognition": (4.0, 6, "points"),
        "Doc-oriented VQA": (1.0, 2, "points"),
        "Key Information Extraction": (2.0, 3, "points"),
    }


def test_lmms_eval_divides_by_a_thousand_whatever_was_asked():
    rule = LmmsEvalOcrBench()
    (found,) = rule.aggregate([Marked("0", "a", {}, rule.judge("a", "a", {}))])
    assert (found.metric, found.value) == ("ocrbench_accuracy", 0.001)


def test_the_five_groups_hold_the_ten_types_once():
    kinds = [kind for group in GROUPS.values() for kind in group]
    assert (len(GROUPS), len(kinds), len(set(kinds))) == (5, 10, 10)

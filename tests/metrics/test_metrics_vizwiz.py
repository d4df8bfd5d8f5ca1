"""VizWiz: the reply is normalised and people's answers are not; "unanswerable" is an answer and a class. Hand-worked."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from omma.metrics.metric import Marked
from omma.metrics.vizwiz import VizWiz


def marked(rows):
    rule = VizWiz()
    return [Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)]


def test_people_are_compared_as_stored():
    rule = VizWiz()
    assert rule.judge("The Grey.", ["grey"] * 10, {}).score == 1.0
    assert rule.judge("grey", ["The Grey."] * 10, {}).score == 0.0


def test_accuracy_alone_where_nobody_says_what_is_answerable():
    (found,) = VizWiz().aggregate(marked([("grey", ["grey"] * 10, {}), ("blue", ["grey"] * 10, {})]))
    assert (found.metric, found.value) == ("VQA accuracy", 0.5)


def test_finding_the_unanswerable_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    answerable, said = random.integers(2, size=40), random.integers(2, size=40)
    rows = [
        ("Unanswerable." if quiet else "a cup", ["unanswerable"] * 10, {"answerable": int(known)})
        for known, quiet in zip(answerable, said, strict=True)
    ]
    accuracy, f1, precision = VizWiz().aggregate(marked(rows))
    assert accuracy.value == pytest.approx(said.mean())
    assert f1.value == pytest.approx(f1_score(1 - answerable, said))
    assert precision.value == pytest.approx(average_precision_score(1 - answerable, said))


def test_no_unanswerable_question_gives_zero_and_not_an_error():
    _, f1, precision = VizWiz().aggregate(marked([("cup", ["cup"] * 10, {"answerable": 1})]))
    assert (f1.value, precision.value) == (0.0, 0.0)

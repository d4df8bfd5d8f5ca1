"""MathVista: recorded extractions give the official verdict on every item of five published files."""

import json
from pathlib import Path

import pytest

from omma.metrics.math.mathvista import JudgeFreeMathVista, MathVista, VlmEvalKitMathVista, last_number, meant
from omma.metrics.metric import Marked

FILES = ("bard", "claude", "frequent_guess", "gpt4_2shot_solution", "llava_llama_2_13b")
CHOICE = {"question_type": "multi_choice", "answer_type": "text", "choices": ["half", "quarter", "quarter past"]}
INTEGER = {"question_type": "free_form", "answer_type": "integer", "choices": None, "precision": None}
FLOAT = {"question_type": "free_form", "answer_type": "float", "choices": None, "precision": 1}
LIST = {"question_type": "free_form", "answer_type": "list", "choices": None, "precision": None}


@pytest.fixture(scope="module")
def golden() -> Path:
    """Folder of recorded answers with published scores, or a skip."""
    folder = (Path(__file__).parents[2] / "../shared/golden/mathvista").resolve()
    if not folder.is_dir():
        pytest.skip(f"no golden data at {folder}")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_every_verdict_and_the_published_accuracy_come_back(name, golden):
    expected = json.loads((golden / "expected.json").read_text())[name]
    items = json.loads((golden / f"output_{name}.json").read_text(encoding="utf-8"))
    metric = MathVista()
    marks = [
        Marked(key, item["answer"], item, metric.judge(item["response"] or "", item["answer"], item)) for key, item in items.items()
    ]
    assert [one.id for one in marks if bool(one.mark.score) != items[one.id]["true_false"]] == []
    (accuracy,) = metric.aggregate(marks)
    assert (accuracy.count, round(accuracy.value * 1000)) == (expected["total"], expected["correct"])
    assert f"{accuracy.value * 100:.1f}" == expected["accuracy"]


@pytest.mark.parametrize("name", ["frequent_guess", "claude"])
def test_the_judge_free_stage_agrees_with_the_language_model_on_nearly_all(name, golden):
    """1000 and 992 of 1000: the guesses are bare answers, Claude's are worked out in words."""
    items = json.loads((golden / f"output_{name}.json").read_text(encoding="utf-8"))
    metric = JudgeFreeMathVista()
    same = sum(
        bool(metric.judge(item["response"] or "", item["answer"], item).score) == item["true_false"] for item in items.values()
    )
    assert same >= {"frequent_guess": 1000, "claude": 992}[name]


# What follows is worked by hand, and ours.


@pytest.mark.parametrize(
    ("extraction", "facts", "said"),
    [
        ("B", CHOICE, "quarter"),
        ("(c) quarter past", CHOICE, "quarter past"),
        ("quartre", CHOICE, "quarter"),  # nearest in edits
        ("", CHOICE, "half"),  # the shortest is nearest to nothing
        ("Z", CHOICE, "half"),
        ("3.9", INTEGER, "3"),
        ("three", INTEGER, None),
        ("inf", INTEGER, None),
        ("nan", INTEGER, None),
        ("2.349", FLOAT, "2.3"),
        ("2", FLOAT, "2.0"),
        ("[1, 2]", LIST, "[1, 2]"),
    ],
)
def test_extractions_take_the_form_of_the_answer(extraction, facts, said):
    assert meant(extraction, facts) == said


def test_a_reply_that_is_its_own_extraction_needs_no_record():
    assert MathVista().judge("2.31", "2.3", FLOAT).score == 1.0
    assert not MathVista().judge("unknown", "2.3", FLOAT).parsed


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("There are 3 bars. So the answer is 1,200 m, not 5.", "1200"),
        ("x = 3\ny = 4.5 cm", "4.5"),
        ("first 7, then -8", "-8"),
        ("none", None),
    ],
)
def test_the_number_behind_the_last_cue_else_the_last(reply, number):
    assert last_number(reply) == number


def test_the_judge_free_stage_never_takes_the_nearest_choice():
    metric = JudgeFreeMathVista()
    assert metric.judge("The option letter is C.", "quarter past", CHOICE).score == 1.0
    assert metric.judge("I would say (b), although others differ on that", "quarter", CHOICE).score == 1.0
    assert not metric.judge("hlaf", "half", CHOICE).parsed
    assert metric.judge("So we get [1, 2] at last", "[1, 2]", LIST).score == 1.0


def test_vlmevalkit_neither_rounds_nor_takes_the_nearest():
    kit = VlmEvalKitMathVista()
    assert kit.judge("2.31", "2.3", FLOAT).score == 0.0
    assert kit.judge("2.30", "2.3", FLOAT).score == 1.0
    assert kit.judge("4", "4", INTEGER).score == 1.0
    assert kit.judge("B", "quarter", CHOICE).score == 1.0
    assert not kit.judge("quartre", "quarter", CHOICE).parsed

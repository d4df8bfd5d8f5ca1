"""Laws of all rules for choices, mathematics and recorded verdicts: any text is read, no score leaves [0, 1], order is nothing."""

import importlib
import inspect
import json
import math
import pkgutil
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omma.metrics.choice
import omma.metrics.judged
import omma.metrics.math
from omma.core.errors import DataError
from omma.metrics.math.verifier import main as verifier_main
from omma.metrics.metric import Marked, Metric

ROOMS = (omma.metrics.choice, omma.metrics.math, omma.metrics.judged)
ABSTRACT = {"Choice"}  # says only what a gold letter is


def rules() -> list[type[Metric]]:
    modules = [
        importlib.import_module(f"{room.__name__}.{info.name}") for room in ROOMS for info in pkgutil.iter_modules(room.__path__)
    ]
    found = {one for module in modules for _, one in inspect.getmembers(module, inspect.isclass) if issubclass(one, Metric)}
    return sorted((one for one in found if one is not Metric and one.__name__ not in ABSTRACT), key=lambda one: one.__name__)


RULES = rules()
TEXTS = [
    "A",
    "(B)",
    "C. a fox",
    "The answer is B.",
    "",
    " \n",
    "b",
    "no idea",
    "[-1, -2, -0.5]",
    "Therefore Answer 1 is better",
    "½",
    "1/0",
    "A" * 500,
]
NASTY = [
    " " * 1_000_000,
    "9" * 1_000_000,
    "\\boxed{" * 20_000,
    "A" * 50_000,
    "(" * 50_000,
    "[" * 50_000,
    "answer is " * 20_000,
    "1,234." * 30_000,
    "\x00\ud800",
    "NaN",
    '{"a": [[[{"b": NaN}]]]}',
]


def facts(index: int) -> dict:
    """Facts that any of the rules may ask for."""
    return {
        "choices": ["a dog", "a cat", "a red fox"],
        "response_options": ["A", "B"],
        "question_type": "multi_choice",
        "answer_type": "text",
        "precision": 1,
        "index": index + 1,
        "subject": ("Art", "Physics")[index % 2],
        "category": "math",
        "l2_category": ("geometry", "statistics")[index % 2],
        "duration": "short",
        "image": bool(index % 2),
        "judge": ("yes", "0.5", "x")[index % 3],
        "capability": ["rec"],
        "item": str(index // 2),
        "draw": index % 2,
        "random_number": index % 2,
        "dataset": "povid",
    }


def gold_of(rule: type[Metric]) -> object:
    return [0, 1] if rule.__name__ == "VlRewardBench" else "B"


def marked(rule: type[Metric], texts: list[str]) -> list[Marked]:
    metric, gold = rule(), gold_of(rule)
    return [Marked(f"v_{i}", gold, facts(i), metric.judge(text, gold, facts(i))) for i, text in enumerate(texts)]


def test_all_rules_are_known():
    names = {rule.__name__ for rule in RULES}
    assert len(RULES) == len(names)
    assert {"Mmmu", "MmmuSeeded", "MmmuPro", "ScienceQa", "MmStar", "MmBench", "SeedBench", "LmmsEvalAi2d", "VisOnlyQa"} < names
    assert {"LmmsEvalRealWorldQa", "LmmsEvalBlink", "Mmvp", "VideoMme", "MvBench", "MathVista", "MathVision", "MmVet"} < names
    assert verifier_main.__module__ == "omma.metrics.math.verifier"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_names_its_source_and_its_ties(rule):
    assert rule.source and rule.variant and rule.label
    assert rule.ties
    assert rule.__doc__ and not rule.__doc__.startswith(f"{rule.__name__}(")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_nothing_to_score_is_an_error(rule):
    with pytest.raises(DataError, match="no answers to score"):
        rule().aggregate([])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_numbers_do_not_depend_on_order_and_stay_within_bounds(rule):
    marks = marked(rule, TEXTS)
    numbers = rule().aggregate(marks)
    shuffled = rule().aggregate(random.Random(5).sample(marks, len(marks)))
    assert [repr(one) for one in numbers] == [repr(one) for one in shuffled]  # NaN equals itself as text
    assert len({one.metric for one in numbers}) == len(numbers)
    for one in numbers:
        assert math.isnan(one.value) or 0 <= one.value <= 1
        assert one.unparsed >= 0
        assert math.isnan(one.low) or one.low <= one.value <= one.high


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_mark_survives_the_trip_to_a_file(rule):
    for one in marked(rule, TEXTS):
        json.dumps([one.mark.said, one.mark.score, dict(one.mark.details)])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_unread_replies_score_nothing(rule):
    for one in marked(rule, TEXTS):
        assert one.mark.parsed or one.mark.score == 0.0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_megabyte_and_broken_text_are_read_in_time(rule):
    for text in NASTY:
        began = time.process_time()
        mark = rule().judge(text, gold_of(rule), facts(0))
        assert 0 <= mark.score <= 1
        assert time.process_time() - began < 5, f"{rule.__name__} on {text[:20]!r}"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80) | st.lists(st.sampled_from(TEXTS), max_size=4).map(" ".join))
def test_no_text_of_a_model_is_an_exception(text):
    for rule in RULES:
        mark = rule().judge(text, gold_of(rule), facts(0))
        assert 0 <= mark.score <= 1
        for open_facts in (
            facts(0) | {"choices": [], "question_type": "free_form", "answer_type": kind} for kind in ("integer", "float", "list")
        ):
            if rule.__module__.endswith(("mmmu", "mathvista", "mathvision")):
                assert 0 <= rule().judge(text, gold_of(rule), open_facts).score <= 1

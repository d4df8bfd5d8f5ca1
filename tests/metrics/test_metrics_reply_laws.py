"""Laws of every ruler of replies in words and of yes or no: whatever a model says, in whatever order, however long."""

import random
from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.metric import Mark, Marked, Metric

MODULES = ("text", "gqa", "vqa", "aokvqa", "evalai", "vizwiz", "anls", "relaxed", "ocrbench", "pope", "mme", "hallusion")
ABSTRACT = ("Metric", "Words")
REPLIES = ("yes", "No.", "", "no, it is not", "maybe", "Yes, there is", "nan", "yes", "5%", "no", "No", "YES")
HOSTILE = (
    "\x00",
    "\ud800",
    "NaN",
    "-inf",
    "1e999",
    "9" * 5000,
    "%" * 50,
    '{"a": [{"b": [[[null]]]}]}',
    "[" * 2000,
    "__import__('os').system('true')",
    "ＹＥＳ　no",
    "İẞﬃ",
    "\r\n\t\v\f",
)


def rulers():
    found = {}
    for name in MODULES:
        module = import_module(f"omma.metrics.{name}")
        kinds = (thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Metric))
        found |= {kind.__name__: kind() for kind in kinds if kind.__name__ not in ABSTRACT}
    return found


RULERS = rulers()
EACH = pytest.mark.parametrize("rule", RULERS.values(), ids=RULERS)


def facts_of(i, copy=0):
    """Facts of the i-th question that serve every ruler: two questions per picture, several splits, sets and types."""
    return {
        "category": ("count", "color")[i // 2 % 2],
        "image": f"{i // 2}-{copy}",
        "split": ("human_test", "augmented_test")[i % 2],
        "dataset_name": ("svt", "HME100k")[i % 2],
        "type": "Handwriting Recognition",
        "answerable": i % 2,
        "subcategory": "chart",
        "set_id": f"{i // 4}-{copy}",
        "figure_id": str(i % 2),
        "question_id": str(i // 2),
        "judge": ("correct", "incorrect", "unclear")[i % 3],
    }


def marked(rule, replies, copy=0):
    golds = [("yes", "no")[i % 2] for i in range(len(replies))]
    return [
        Marked(f"{i}-{copy}", gold, facts_of(i, copy), rule.judge(raw, gold, facts_of(i, copy)))
        for i, (raw, gold) in enumerate(zip(replies, golds, strict=True))
    ]


def test_every_ruler_is_here():
    assert len(RULERS) == 37
    assert all(rule.variant and rule.label for rule in RULERS.values())
    assert {name for name, rule in RULERS.items() if not rule.source} == {"Exact", "Contains"}


def check(mark, again):
    assert isinstance(mark, Mark) and 0.0 <= mark.score <= 1.0
    assert mark == again


@EACH
@settings(max_examples=25)
@given(raw=st.text(alphabet=st.characters(), max_size=30) | st.sampled_from(HOSTILE), gold=st.sampled_from(["yes", "no"]))
def test_any_reply_gets_one_mark_and_no_error(rule, raw, gold):
    check(rule.judge(raw, gold, facts_of(0)), rule.judge(raw, gold, facts_of(0)))


@EACH
@pytest.mark.parametrize(
    "raw", ["yes " * 250_000, "x" * 1_000_000, " " * 1_000_000, "1," * 500_000], ids=["words", "word", "blank", "marks"]
)
def test_a_megabyte_is_a_reply(rule, raw):
    mark = rule.judge(raw, "yes", facts_of(1))
    check(mark, mark)


@EACH
def test_numbers_do_not_depend_on_the_order_of_replies(rule):
    replies = marked(rule, REPLIES)
    shuffled = random.Random(1).sample(replies, len(replies))
    assert repr(rule.aggregate(shuffled)) == repr(rule.aggregate(replies))


@EACH
def test_numbers_are_bounded_by_their_intervals_and_units(rule):
    for one in rule.aggregate(marked(rule, REPLIES)):
        assert one.low <= one.high
        assert 0.0 <= one.value <= (1.0 if one.unit == "share" else 2000.0)
        assert 0 <= one.unparsed <= len(REPLIES)
    assert rule.aggregate(marked(rule, REPLIES))[0].metric


@EACH
def test_shares_stay_and_points_of_counts_double_when_every_reply_comes_twice(rule):
    once = rule.aggregate(marked(rule, REPLIES))
    twice = rule.aggregate(marked(rule, REPLIES) + marked(rule, REPLIES, copy=1))
    for one, two in zip(once, twice, strict=True):
        grows = rule.label == "ocrbench_accuracy" or ("OcrBench" in type(rule).__name__ and one.unit == "points")
        assert two.value == pytest.approx(one.value * (2 if grows else 1))
        assert (two.count, two.unparsed) == (2 * one.count, 2 * one.unparsed)


@EACH
def test_perfect_replies_are_perfect(rule):
    """Verdicts recorded as right; replies that are the right answers."""
    replies = [
        replace(one, mark=rule.judge(one.gold, one.gold, one.facts | {"judge": "correct"}))
        for one in marked(rule, [("yes", "no")[i % 2] for i in range(12)])
    ]
    first = rule.aggregate(replies)[0]
    assert first.unparsed == 0
    best = {"OcrBench": 12.0, "LmmsEvalOcrBench": 0.012} | dict.fromkeys(["Mme", "LmmsEvalMme", "VlmEvalKitMme"], 200.0)
    best |= dict.fromkeys(["AOkVqa", "NormalAOkVqa"], 1 / 3)  # one person of the three that are needed
    soft = isinstance(rule, RULERS["Vqa"].__class__)  # one person can never reach 1
    assert first.value == pytest.approx(best.get(type(rule).__name__, 0.0 if soft else 1.0))


@EACH
def test_questions_that_were_never_answered_are_wrong_and_unparsed(rule):
    never = [replace(one, mark=rule.unread(one.gold, one.facts)) for one in marked(rule, REPLIES)]
    assert {(one.mark.parsed, one.mark.score) for one in never} == {(False, 0.0)}
    assert rule.aggregate(never)[0].value == 0.0
    assert all(one.unparsed >= one.count for one in rule.aggregate(never))  # a unit is one reply or more


@EACH
def test_nothing_to_score_is_an_error(rule):
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])

"""Relaxed accuracy: pix2struct's published pairs, its oddities by hand, and how harnesses put ChartQA's two sets together."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.metric import Marked
from omma.metrics.relaxed import ChartQa, LmmsEvalChartQa, RelaxedAccuracy, VlmEvalKitChartQa, relaxed

GOLDEN = (Path(__file__).parents[2] / "../shared/golden/docvqa-chartqa-small").resolve()


def marked(rule, rows):
    return [Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)]


def test_published_pairs_of_pix2struct():
    if not GOLDEN.is_dir():
        pytest.skip(f"no published answers at {GOLDEN}")
    pairs = json.loads((GOLDEN / "pix2struct_pairs.json").read_text())
    expected = json.loads((GOLDEN / "expected.json").read_text())["pix2struct"]
    rule = RelaxedAccuracy()
    (found,) = rule.aggregate(marked(rule, [(*pair, {}) for pair in zip(pairs["predictions"], pairs["targets"], strict=True)]))
    assert round(100 * found.value, 1) == expected["relaxed_accuracy"]


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("95", "100", 1),  # exactly five per cent
        ("105", "100", 1),
        ("94.9", "100", 0),
        ("-95", "-100", 1),
        ("95", "-100", 0),
        ("5%", "0.05", 1),
        ("5%", "5", 0),
        ("5%%", "5%", 1),
        ("1,000", "1000", 0),  # no thousands separators
        ("$5", "5", 0),
        ("1_000", "1000", 1),  # what Python reads is a number
        (" 5\n", "5", 1),
        ("0", "0", 1),
        ("0.0", "0", 0),  # a zero is compared as words
        ("0.001", "0", 0),
        ("nan", "nan", 0),  # both are numbers, and nothing is near this one
        ("inf", "inf", 0),
        ("Yes", "yes", 1),
        ("yes ", "yes", 0),
        ("%", "%", 1),
        ("", "", 1),
    ],
)
def test_oddities(answer, gold, expected):
    """Hand-worked from pix2struct's `relaxed_correctness`."""
    assert relaxed(answer, gold) == expected


@given(number=st.floats(1e-6, 1e6), share=st.floats(-0.0499, 0.0499))
def test_within_five_per_cent_is_right_on_both_sides(number, share):
    assert relaxed(repr(number * (1 + share)), repr(number)) == 1.0
    assert relaxed(repr(-number * (1 + share)), repr(-number)) == 1.0


ROWS = [("1", "1", "human"), ("2", "1", "human"), ("3", "1", "human"), (" yes", "yes", "augmented")]


def test_the_main_number_is_the_mean_of_both_sets():
    rule = ChartQa()
    numbers = rule.aggregate(marked(rule, [(raw, gold, {"split": split}) for raw, gold, split in ROWS]))
    assert {one.metric: one.value for one in numbers} == pytest.approx(
        {
            "relaxed accuracy": 1 / 6,
            "relaxed accuracy human": 1 / 3,
            "relaxed accuracy augmented": 0.0,
            "relaxed accuracy overall": 1 / 4,
        }
    )


def test_one_set_alone_is_its_own_accuracy():
    rule = ChartQa()
    (found,) = rule.aggregate(marked(rule, [(raw, gold, {"split": "human"}) for raw, gold, _ in ROWS[:3]]))
    assert found.value == pytest.approx(1 / 3)


def test_lmms_eval_strips_and_takes_all_but_human_test_for_augmented():
    rule = LmmsEvalChartQa()
    numbers = rule.aggregate(marked(rule, [(raw, gold, {"split": f"{split}_test"}) for raw, gold, split in ROWS]))
    assert {one.metric: one.value for one in numbers} == pytest.approx(
        {"relaxed_overall": 1 / 2, "relaxed_human_split": 1 / 3, "relaxed_augmented_split": 1.0}
    )
    (_, augmented) = rule.aggregate(marked(rule, [("1", "1", {"split": "human"})]))
    assert augmented.metric == "relaxed_augmented_split"


def test_vlmevalkit_names_each_split():
    rule = VlmEvalKitChartQa()
    numbers = rule.aggregate(marked(rule, [(raw, gold, {"split": f"test_{split}"}) for raw, gold, split in ROWS]))
    assert [(one.metric, one.value) for one in numbers] == [
        ("Overall", 0.5),
        ("test_augmented", 1.0),
        ("test_human", pytest.approx(1 / 3)),
    ]

"""ANLS: published cases of two packages, and by hand what they cannot tell apart: one half exactly, spaces, length."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.anls import Anls, LmmsEvalAnls, Pix2StructAnls, Shunk031Anls, StVqaAnls, VlmEvalKitAnls, anls, levenshtein

GOLDEN = (Path(__file__).parents[2] / "../shared/golden/docvqa-chartqa-small").resolve()
RULES = (Anls(), VlmEvalKitAnls(), LmmsEvalAnls(), Shunk031Anls(), Pix2StructAnls(), StVqaAnls())


@pytest.fixture
def expected():
    if not GOLDEN.is_dir():
        pytest.skip(f"no published answers at {GOLDEN}")
    return json.loads((GOLDEN / "expected.json").read_text())


def read(name):
    return json.loads((GOLDEN / name).read_text())


@pytest.mark.parametrize("rule", [Shunk031Anls(), Anls()])
def test_published_cases_of_the_package_anls(expected, rule):
    said = {row["questionId"]: row["answer"] for row in read("anls/submission.json")}
    scores = [rule.judge(said[row["questionId"]], row["answers"], {}).score for row in read("anls/gold_label.json")["data"]]
    assert [round(score, 2) for score in scores] == expected["anls_per_sample"]
    assert round(sum(scores) / len(scores), 3) == expected["anls_mean"]


def test_published_cases_of_pix2struct(expected):
    pairs, rule = read("pix2struct_pairs.json"), Pix2StructAnls()
    scores = [rule.judge(said, golds, {}).score for said, golds in zip(pairs["predictions"], pairs["targets"], strict=True)]
    assert round(100 * sum(scores) / len(scores), 1) == expected["pix2struct"]["anls"]


@pytest.mark.parametrize(
    ("reply", "gold", "scores"),
    [  # official, VLMEvalKit, lmms-eval, shunk031, pix2struct, mmf
        ("ab", "ax", (0.5, 0.5, 0.5, 0, 0, 0.5)),  # similarity of exactly one half
        ("abc", "abd", (2 / 3,) * 6),
        ("a", "xyz", (0,) * 6),
        ("AB", "ab", (1,) * 6),
        (" ab", "ab", (1, 1, 1, 1, 2 / 3, 1)),
        ("a  b", "a b", (1, 1, 1, 1, 3 / 4, 3 / 4)),
        ("no" + 98 * " ", "yes", (0.97, 0.97, 0, 0, 0, 0)),  # three edits over a hundred characters
        ("", "", (1,) * 6),
        ("", "a", (0,) * 6),
    ],
)
def test_what_each_rule_gives(reply, gold, scores):
    """Hand-worked from the named scripts."""
    assert tuple(rule.judge(reply, gold, {}).score for rule in RULES) == pytest.approx(scores)


def test_the_length_is_that_of_the_upper_case_as_in_the_script():
    """Of "ßa" and "xa", distance 1: the longer upper case, SSA, has three characters."""
    assert anls("ßa", ["xa"]) == anls("xa", ["ßa"]) == pytest.approx(2 / 3)


def test_the_best_accepted_answer_counts_and_none_is_wrong():
    assert anls("cat", ["dog", "cats", "catalogue"]) == pytest.approx(3 / 4)
    assert anls("cat", []) == 0.0


def table(a, b):
    """Edit distance as everyone knows it."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a):
        above, row = row, [i + 1]
        for j, right in enumerate(b):
            row.append(min(above[j] + (left != right), above[j + 1] + 1, row[j] + 1))
    return row[-1]


@given(a=st.text(alphabet="abcé ", max_size=70), b=st.text(alphabet="abcé ", max_size=70))
def test_edit_distance_equals_the_table(a, b):
    assert levenshtein(a, b) == table(a, b) == levenshtein(b, a)


@given(a=st.text(alphabet="abC ", max_size=12), b=st.text(alphabet="abC ", max_size=12))
def test_skipping_hopeless_lengths_changes_nothing(a, b):
    one, two = " ".join(a.lower().split()), " ".join(b.lower().split())
    length = max(len(a), len(b))
    similar = 1 - table(one, two) / length if length else 1.0
    assert anls(a, [b]) == (similar if similar >= 0.5 else 0.0)


def test_a_megabyte_is_measured_in_a_moment():
    assert anls("x" * 1_000_000, ["a short answer"]) == 0.0
    assert levenshtein("ab" * 100_000, "ba") == 199_998

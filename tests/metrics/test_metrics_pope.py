"""POPE: LLaVA-1.5-13B's published answers, and by hand how three rules differ on replies that are not just yes or no."""

import json
from pathlib import Path

import pytest

from omma.metrics.metric import Marked
from omma.metrics.pope import LmmsEvalPope, Pope, VlmEvalKitPope

GOLDEN = (Path(__file__).parents[2] / "../shared/golden/pope-llava15-13b").resolve()
SPLITS = ("adversarial", "popular", "random")


def marked(rule, rows):
    return [Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)]


def values(rule, rows):
    return {one.metric: one.value for one in rule.aggregate(marked(rule, rows))}


def lines(name):
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def llava():
    """Replies, labels and splits; labels join by position inside each split."""
    if not GOLDEN.is_dir():
        pytest.skip(f"no published answers at {GOLDEN}")
    said = {row["question_id"]: row["text"] for row in lines("llava-v1.5-13b.jsonl")}
    asked, rows = lines("llava_pope_test.jsonl"), []
    for split in SPLITS:
        labels = [row["label"] for row in lines(f"coco/coco_pope_{split}.json")]
        replies = [said[row["question_id"]] for row in asked if row["category"] == split]
        rows += [(raw, label, {"category": split}) for raw, label in zip(replies, labels, strict=True)]
    return rows


def test_published_scores_of_llava(llava):
    expected = json.loads((GOLDEN / "expected.json").read_text())
    found = values(Pope(), llava)
    for split in SPLITS:
        assert found[f"{split} F1"] == pytest.approx(expected[split]["F1"], abs=1e-15)
        assert found[f"{split} accuracy"] == pytest.approx(expected[split]["acc"], abs=1e-15)
        assert found[f"{split} yes ratio"] == pytest.approx(expected[split]["yes_ratio"], abs=1e-15)
        assert found[f"{split} recall"] == expected[split]["TP"] / (expected[split]["TP"] + expected[split]["FN"])
    assert round(100 * found["F1"], 1) == expected["mean_F1_published"]
    assert next(iter(found)) == "F1"


def test_union_of_splits_is_another_number_than_their_mean(llava):
    union = values(VlmEvalKitPope(), llava)["Overall F1"]
    assert union == pytest.approx(values(LmmsEvalPope(), llava)["pope_f1_score"])
    assert union != pytest.approx(values(Pope(), llava)["F1"], abs=1e-4)


def test_a_reply_with_neither_word_is_a_yes_to_pope_and_counted_as_unparsed():
    """Hand-worked: said yes, yes (unread), no, no; right yes, no, no, yes."""
    rows = [("Yes", "yes", {}), ("A dog, I guess", "no", {}), ("There is no dog", "no", {}), ("No", "yes", {})]
    found = Pope().aggregate(marked(Pope(), rows))
    assert {one.metric: one.value for one in found} == pytest.approx(
        {"F1": 0.5, "accuracy": 0.5, "precision": 0.5, "recall": 0.5, "yes ratio": 0.5}
    )
    assert {one.unparsed for one in found} == {1}


def test_lmms_eval_reads_only_the_bare_word_and_its_yes_ratio_is_of_the_right_answers():
    """Hand-worked: tp 1; "Yes." is no outcome, so recall is 1 of 1 although two yeses were right; 2 of 4 right are yes."""
    rows = [(" YES ", "yes", {}), ("Yes.", "yes", {}), ("yes", "no", {}), ("no", "no", {})]
    assert values(LmmsEvalPope(), rows) == pytest.approx(
        {"pope_accuracy": 0.5, "pope_precision": 0.5, "pope_recall": 1.0, "pope_f1_score": 2 / 3, "pope_yes_ratio": 0.5}
    )


def test_vlmevalkit_counts_a_question_once_in_each_of_its_splits():
    """Hand-worked: the first counts twice. Union tp 2, fn 1 ("maybe" is a no), tn 1; three of four are right."""
    rows = [
        ("yes", "yes", {"category": "random,popular"}),
        ("maybe", "yes", {"category": "random"}),
        ("no", "no", {"category": "popular"}),
    ]
    found = values(VlmEvalKitPope(), rows)
    assert found["Overall F1"] == pytest.approx(0.8)
    assert (found["Overall accuracy"], found["Overall recall"]) == pytest.approx((0.75, 2 / 3))
    assert (found["popular F1"], found["random recall"], found["random accuracy"]) == pytest.approx((1.0, 0.5, 0.5))


def test_someone_who_never_says_yes_scores_zero_and_not_an_error():
    found = values(Pope(), [("no", "yes", {}), ("no", "no", {})])
    assert (found["F1"], found["precision"], found["accuracy"]) == (0.0, 0.0, 0.5)

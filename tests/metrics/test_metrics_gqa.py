"""GQA: the same replies under four rules. Hand-worked from the named scripts; no published answers with a key exist.

Plain equality, the official rule, also has pix2struct's eight published pairs.
"""

import json
from pathlib import Path

import pytest

from omma.metrics.gqa import Gqa, LlavaGqa, LmmsEvalGqa, VlmEvalKitGqa

GOLDEN = (Path(__file__).parents[2] / "../shared/golden/docvqa-chartqa-small").resolve()
RULES = (Gqa(), LlavaGqa(), VlmEvalKitGqa(), LmmsEvalGqa())


@pytest.mark.parametrize(
    ("reply", "gold", "scores"),
    [
        ("yes", "yes", (1, 1, 1, 1)),
        ("Yes", "yes", (0, 1, 1, 1)),
        ("yes.", "yes", (0, 1, 0, 1)),
        ("yes...", "yes", (0, 1, 0, 1)),
        (" yes", "yes", (0, 0, 1, 1)),
        ("yes. ", "yes", (0, 0, 0, 1)),
        ("t-shirt", "tshirt", (0, 0, 0, 1)),
        ("t shirt", "t-shirt", (0, 0, 0, 0)),
        ("no", "yes", (0, 0, 0, 0)),
    ],
)
def test_what_each_rule_takes_for_equal(reply, gold, scores):
    assert tuple(rule.judge(reply, gold, {}).score for rule in RULES) == scores


def test_llava_lowers_the_reply_and_not_the_answer():
    assert LlavaGqa().judge("USA", "USA", {}).score == 0.0
    assert VlmEvalKitGqa().judge("usa", " USA ", {}).score == 1.0


def test_published_pairs_of_pix2struct():
    if not GOLDEN.is_dir():
        pytest.skip(f"no published answers at {GOLDEN}")
    pairs = json.loads((GOLDEN / "pix2struct_pairs.json").read_text())
    scores = [Gqa().judge(said, golds, {}).score for said, golds in zip(pairs["predictions"], pairs["targets"], strict=True)]
    assert 100 * sum(scores) / len(scores) == json.loads((GOLDEN / "expected.json").read_text())["pix2struct"]["exact_match"]

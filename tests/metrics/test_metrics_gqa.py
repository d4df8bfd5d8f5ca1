"""GQA: the same replies under four rules. Hand-worked from the named scripts; no published answers with a key exist."""

import pytest

from omma.metrics.gqa import Gqa, LlavaGqa, LmmsEvalGqa, VlmEvalKitGqa

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

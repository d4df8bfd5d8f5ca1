"""Benchmarks whose official score is a judge's: verdicts from a file through `omma eval NAME SUITE --answers FILE --judge FILE`.

The figures are worked out by hand from the official rules on invented rows; no judged files are published.
"""

import json

import pytest

from omma.cli.main import answer
from omma.evaluate.job import read_verdicts
from omma_recipes.suites.hallusionbench import hallusionbench_judged
from omma_recipes.suites.mm_vet import mm_vet
from tests.evaluate.fixtures import hallusionbench
from tests.evaluate.fixtures import mm_vet as mm_vet_rows


def written(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def scored(suite, root, replies, verdicts):
    """Suite + replies and verdicts by id → values by (metric, variant)."""
    said = written(root / "said.jsonl", [{"question_id": name, "answer": text} for name, text in replies.items()])
    judged = written(root / "judged.jsonl", [{"question_id": name, "verdict": text} for name, text in verdicts.items()])
    words = ["eval", "model", suite, "--answers", said, "--data", str(root), "--to", str(root / "scores")]
    assert answer([*words, *(["--judge", judged] if verdicts else [])]) == 0
    return {(one.metric, one.variant): one for one in read_verdicts(root / "scores/eval/model") if one.subset == "all"}


VERDICTS = {
    "VD_illusion_0_0_0": "Correct",
    "VD_illusion_0_0_1": "correct",
    "VD_illusion_0_1_0": "incorrect",
    "VD_illusion_0_1_1": "correct",
    "VS_chart_3_0_0": "unclear",
    "VS_chart_3_1_0": "correct",
    "VS_chart_3_2_0": "unclear",
}


def test_hallusionbench_is_scored_by_figure_question_and_pair_from_recorded_verdicts(tmp_path):
    """aAcc: 4 correct and one unclear without a figure, of 7. fAcc: figures VD 0 and VS 1 of four. qAcc: VD question 1 of three.

    easy, without edited figures: both of VD 0, and VS without and with its figure; hard: VD question 1 of VD 1 and VS 2.
    """
    benchmark = hallusionbench_judged().benchmarks[0]
    hallusionbench.draw(tmp_path, benchmark)
    found = scored("hallusionbench_judged", tmp_path, dict.fromkeys(VERDICTS, "It is so."), VERDICTS)
    values = {name: one.value for (name, variant), one in found.items() if variant == "official"}
    assert values == pytest.approx({"aAcc": 5 / 7, "fAcc": 2 / 4, "qAcc": 1 / 3, "easy aAcc": 3 / 3, "hard aAcc": 1 / 3})
    assert found["aAcc", "official"].unparsed == 2
    assert found["Overall Acc", "vlmevalkit"].value == 0, "no reply says yes or no"


def test_without_verdicts_every_reply_is_unread_and_none_is_guessed(tmp_path):
    benchmark = hallusionbench_judged().benchmarks[0]
    hallusionbench.draw(tmp_path, benchmark)
    found = scored("hallusionbench_judged", tmp_path, dict.fromkeys(VERDICTS, "yes"), {})
    assert (found["aAcc", "official"].value, found["aAcc", "official"].unparsed, found["aAcc", "official"].trivial) == (0, 7, None)
    assert found["aAcc", "vlmevalkit"].value == pytest.approx(3 / 6), "three right answers about figures are yes"


def test_mm_vet_is_the_mean_of_recorded_scores_by_capability(tmp_path):
    """Scores 1, 0.5, 0.2, 0, 0.3 and none: mean 2/6; math is asked for by the first and the last, OCR by those and the third."""
    mm_vet_rows.draw(tmp_path, mm_vet().benchmarks[0])
    replies = {key: "It says -1 and a wall." for key, *_ in mm_vet_rows.ROWS}
    scores = dict(zip(replies, ("1.0", "0.5 since …", "0.2", "0.0", "0.3"), strict=False))
    found = scored("mm_vet", tmp_path, replies, scores)
    values = {name: one.value for (name, variant), one in found.items() if variant == "official"}
    assert values["score"] == pytest.approx(2 / 6)
    assert values["score/math"] == pytest.approx((1.0 + 0) / 2)
    assert values["score/ocr"] == pytest.approx((1.0 + 0.2 + 0) / 3)
    assert found["score", "official"].unparsed == 1
    assert found["score", "judge-free"].value == pytest.approx((0.5 + 0 + 1 + 0 + 1 + 0) / 6), (
        "half of -1 <AND> -5, a wall, and 1 stands in -1"
    )

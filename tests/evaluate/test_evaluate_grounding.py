"""Masks and boxes beyond RefCOCO: golds are those of the benchmarks' own scripts, right answers score one."""

import json
from pathlib import Path

import pytest

from omma.cli.eval import recorded
from omma.core.errors import DataError
from omma.evaluate.benchmarks.gcg import GcgQuestions
from omma.evaluate.benchmarks.grefcoco import GRefCocoQuestions
from omma.evaluate.benchmarks.grounding_suite import GroundingSuiteMasks, GroundingSuiteQuestions
from omma.evaluate.benchmarks.mevis import MevisQuestions
from omma.evaluate.benchmarks.reason_seg import ReasonSegQuestions
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.evaluate.recorded import Recorded
from omma.metrics.masks.referring import gold_mask
from omma.metrics.masks.rle import decode
from tests.evaluate.drawing import picture
from tests.evaluate.fixtures import gcg, grefcoco, grounding_suite, mevis, reason_seg

REASON = ReasonSegQuestions(name="reason", path="ReasonSeg/val")
GSEVAL = Path(__file__).parents[2] / "../shared/golden/groundingsuite-claude"


def scores(benchmark, root, said):
    """Id → JSON value said → verdicts by (metric, subset)."""
    file = root / "said.jsonl"
    file.write_text("".join(json.dumps({"id": name, "text": json.dumps(value)}) + "\n" for name, value in said.items()))
    supply = Supply(root=root)
    verdicts = evaluate((benchmark,), recorded(file, benchmark, supply), supply, root / "scores")
    return {(verdict.metric, verdict.subset): verdict for verdict in verdicts}


def test_shapes_are_drawn_large_to_small_and_what_is_ignored_counts_for_neither_side(tmp_path):
    reason_seg.draw(tmp_path, REASON)
    questions = REASON.questions(Supply(root=tmp_path))
    gold = {q.sample.id: decode(gold_mask(q.gold, q.facts)) for q in questions}
    assert gold["0"].sum() == 25 * 20 and gold["0"][5:25, 5:30].all()
    assert gold["1"].sum() == 25 * 20 - 5 * 5
    assert decode(gold_mask(questions[1].facts["ignored"], questions[1].facts)).sum() == 25
    assert gold["2"].sum() == 25 * 20, "what is flagged is no shape"
    assert "ignored" not in questions[2].facts
    box = [[5, 5, 30, 5, 30, 25, 5, 25]]
    verdicts = scores(REASON, tmp_path, dict.fromkeys(gold, box))
    assert verdicts["gIoU", "all"].value == pytest.approx(1.0, abs=1e-5)
    assert verdicts["cIoU", "all"].value == pytest.approx(1.0)
    assert verdicts["gIoU", "sentence"].count == 3
    assert verdicts["gIoU", "all"].trivial == pytest.approx(262.5 / 737.5, abs=0.02), "the middle, one with a hole"


def test_a_later_shape_of_equal_size_lies_under_the_earlier_one(tmp_path):
    """Sorted by area and turned round, as numpy does it."""
    folder = tmp_path / "ReasonSeg/val"
    folder.mkdir(parents=True)
    picture(folder / "a.jpg", size=(30, 20))
    shapes = [reason_seg.shape("target", 2, 2, 10, 10), reason_seg.shape("ignore", 4, 2, 12, 10)]
    (folder / "a.json").write_text(json.dumps({"text": ["it"], "is_sentence": False, "shapes": shapes}))
    question = REASON.questions(Supply(root=tmp_path))[0]
    assert decode(gold_mask(question.gold, question.facts)).sum() == 81
    assert decode(gold_mask(question.facts["ignored"], question.facts)).sum() == 18


def test_a_broken_picture_of_reason_seg_is_a_wrong_row(tmp_path):
    reason_seg.draw(tmp_path, REASON)
    (tmp_path / REASON.path / "0.jpg").write_bytes(b"broken")
    box = [[5, 5, 30, 5, 30, 25, 5, 25]]
    verdicts = scores(REASON, tmp_path, {str(k): box for k in range(6)})
    assert (verdicts["gIoU", "all"].count, verdicts["gIoU", "all"].unparsed) == (6, 1)
    assert verdicts["gIoU", "all"].value == pytest.approx(5 / 6, abs=1e-5)


def test_outlines_without_their_file_are_told(tmp_path):
    reason_seg.draw(tmp_path, REASON)
    (tmp_path / REASON.path / "3.json").unlink()
    with pytest.raises(DataError, match=r"a \.json beside each \.jpg"):
        REASON.questions(Supply(root=tmp_path))


def test_all_objects_of_an_expression_are_one_mask_and_none_is_an_answer(tmp_path):
    benchmark = GRefCocoQuestions()
    grefcoco.draw(tmp_path, benchmark)
    questions = benchmark.questions(Supply(root=tmp_path))
    first = next(q for q in questions if q.gold)
    assert gold_mask(first.gold, first.facts).area == 2 * 160
    said = {q.sample.id: q.gold or {"no_target": True} for q in questions}
    verdicts = scores(benchmark, tmp_path, said)
    for name in ("gIoU", "cIoU", "N-acc", "T-acc"):
        assert verdicts[name, "all"].value == 1.0
    assert verdicts["gIoU", "testB"].count == 2
    assert verdicts["gIoU", "all"].trivial == pytest.approx(0.5), "to say nothing is right half of the time"


def test_predictions_of_the_benchmarks_own_layout_are_recorded_answers(tmp_path):
    benchmark = GroundingSuiteQuestions()
    grounding_suite.draw(tmp_path, benchmark)
    rows = [{"idx": k, "predicted_box": [5, 5, 30, 25 if k % 2 else 14.9]} for k in range(6)]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    supply = Supply(root=tmp_path)
    ids = [q.sample.id for q in benchmark.questions(supply)]
    verdicts = evaluate((benchmark,), Recorded(tmp_path / "said.jsonl", ids), supply, tmp_path / "scores")
    values = {(v.metric, v.subset): v.value for v in verdicts}
    assert values["Acc@0.5", "all"] == 0.5
    assert (values["Acc@0.5", "stuff"], values["Acc@0.5", "part"]) == (0.0, 1.0)


def test_masks_of_gseval_are_scored_as_stored(tmp_path):
    benchmark = GroundingSuiteMasks()
    grounding_suite.draw(tmp_path, benchmark)
    said = {q.sample.id: q.gold for q in benchmark.questions(Supply(root=tmp_path))}
    assert scores(benchmark, tmp_path, said)["gIoU", "all"].value == 1.0


@pytest.mark.skipif(not GSEVAL.is_dir(), reason="../shared/golden/groundingsuite-claude is not there")
def test_the_published_boxes_of_claude_give_the_published_rates(tmp_path):
    benchmark = GroundingSuiteQuestions()
    (tmp_path / benchmark.path).write_bytes((GSEVAL / benchmark.path).read_bytes())
    for line in (GSEVAL / benchmark.path).read_text(encoding="utf-8").splitlines():
        picture(tmp_path / json.loads(line)["image_path"], size=(2, 2))
    supply = Supply(root=tmp_path)
    verdicts = evaluate((benchmark,), recorded(GSEVAL / "claude_predictions.jsonl", benchmark, supply), supply, tmp_path / "scores")
    assert round(100 * verdicts[0].value, 1) == 23.8


def test_masks_of_all_objects_of_a_motion_are_one_in_every_frame(tmp_path):
    benchmark = MevisQuestions()
    mevis.draw(tmp_path, benchmark)
    questions = {q.sample.id: q for q in benchmark.questions(Supply(root=tmp_path))}
    both = questions["a1b2:2"].gold
    assert [gold_mask(mask, questions["a1b2:2"].facts).area for mask in both] == [160, 80, 80, 160]
    assert questions["a1b2:1"].gold[1] is None
    assert "describes: the right one hides." in questions["a1b2:1"].sample.turns[0].text
    verdicts = scores(benchmark, tmp_path, {name: q.gold for name, q in questions.items()})
    assert (verdicts["J&F", "all"].value, verdicts["F-recall", "all"].value) == (1.0, 1.0)
    assert verdicts["J&F", "all"].trivial == pytest.approx(1 / 6), "two of four frames of two of six expressions are empty"


def test_a_split_without_published_masks_says_where_it_is_scored(tmp_path):
    benchmark = MevisQuestions()
    mevis.draw(tmp_path, benchmark)
    (tmp_path / benchmark.path / "mask_dict.json").unlink()
    with pytest.raises(DataError, match="take valid_u"):
        benchmark.questions(Supply(root=tmp_path))


def test_phrases_and_masks_as_labelled_score_one(tmp_path):
    benchmark = GcgQuestions(name="gcg_val")
    gcg.draw(tmp_path, benchmark)
    questions = benchmark.questions(Supply(root=tmp_path))
    said = {q.sample.id: {"phrases": q.gold["labels"], "masks": q.gold["masks"]} for q in questions}
    said["sa_0"] = {"phrases": ["a dark box", "a cat"], "masks": said["sa_0"]["masks"]}
    verdicts = scores(benchmark, tmp_path, said)
    assert verdicts["mIoU", "all"].value == 1.0 and verdicts["AP50", "all"].value == pytest.approx(1.0)
    assert verdicts["recall", "all"].value == pytest.approx(11 / 12)

"""Referring expressions: three layouts give the same questions, every way of writing a box the same score; pickles run no code."""

import json
import os
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.core.plain_pickle import read_pickle
from omma.evaluate.benchmarks.refcoco import RefCocoMasks, RefCocoQuestions
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.evaluate.referred import in_split
from omma_recipes.suites import refcoco as suites
from tests.evaluate.drawing import picture
from tests.evaluate.fixtures.refcoco import draw

VAL = RefCocoQuestions(sets=("refcoco unc val",))


def asked(root, benchmark=VAL):
    return benchmark.questions(Supply(root=root))


def words(question):
    return question.sample.turns[0].text


def lines(root, rows):
    (root / "refer").mkdir(parents=True)
    (root / "refer/refcoco_val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_three_layouts_of_the_same_expressions_give_the_same_questions(tmp_path):
    draw(tmp_path / "a", VAL)
    refer = asked(tmp_path / "a")
    rows = [
        {
            "image": f"data/coco/train2014/{q.sample.media[0].uri.rpartition('/')[2]}",
            "sent": words(q).partition("describes: ")[2][:-1],
            "bbox": q.gold,
        }
        for q in refer
    ]
    lines(tmp_path / "b", [row | {"width": 60, "height": 44} for row in rows])
    (tmp_path / "b/train2014").symlink_to(tmp_path / "a/refer/train2014")
    by_line = asked(tmp_path / "b")
    hub = tmp_path / "c/refer/RefCOCO/data"
    hub.mkdir(parents=True)
    cells = [
        {
            "question_id": str(number),
            "image": {"bytes": (tmp_path / "a" / q.sample.media[0].uri).read_bytes(), "path": ""},
            "answer": [row["sent"]],
            "bbox": [q.gold[0], q.gold[1], q.gold[2] - q.gold[0], q.gold[3] - q.gold[1]],
            "segmentation": [0.0, 0, 5, 0, 5, 5],
        }
        for number, (q, row) in enumerate(zip(refer, rows, strict=True))
    ]
    pq.write_table(pa.Table.from_pylist(cells), hub / "val-00000-of-00001.parquet")
    by_cell = asked(tmp_path / "c")
    for other in (by_line, by_cell):
        assert [words(q) for q in other] == [words(q) for q in refer]
        assert [q.gold for q in other] == [q.gold for q in refer]
        assert [q.facts for q in other] == [q.facts for q in refer]
    masks = RefCocoMasks(sets=("refcoco unc val",))
    assert asked(tmp_path / "c", masks)[0].gold == [[0.0, 0, 5, 0, 5, 5]]
    with pytest.raises(DataError, match="no segmentation"):
        asked(tmp_path / "b", masks)


def written(name, box, width, height, facts):
    """A box, xyxy px, as a model line writes it; ours, by hand."""
    x0, y0, x1, y1 = box
    of = [x0 / width, y0 / height, x1 / width, y1 / height]
    side = max(width, height)
    left, top = (side - width) / 2, (side - height) / 2
    seen = [n * facts.get(f"seen_{k}", 1) for n, k in zip(of, ("width", "height") * 2, strict=True)]
    return {
        "refcoco": json.dumps(list(box)),
        "refcoco_llava": str([(x0 + left) / side, (y0 + top) / side, (x1 + left) / side, (y1 + top) / side]),
        "refcoco_qwen_vl": "({},{}),({},{})</box>".format(*(999 * n for n in of)),
        "refcoco_qwen2_5_vl": f'```json\n[{{"bbox_2d": {seen}, "label": "it"}}]\n```',
        "refcoco_qwen3_vl": f'[{{"bbox_2d": {[1000 * n for n in of]}, "label": "it"}}]',
        "refcoco_internvl": f"<ref>it</ref><box>[{[1000 * n for n in of]}]</box>",
        "refcoco_lmms_eval": str(of),
    }[name]


def right(box, k):
    """The box itself, one that shares 9/15 with it, one that shares 6/18, in turn."""
    x0, y0, x1, y1 = box
    move = (0, 3, 6)[k % 3] / 12 * (x1 - x0)
    return [x0 + move, y0, x1 + move, y1]


@pytest.mark.parametrize("name", [n for n in vars(suites) if n.startswith("refcoco") and n != "refcoco_seg"])
def test_the_same_boxes_score_the_same_however_they_are_written(name, tmp_path):
    benchmark = getattr(suites, name)().benchmarks[0]
    draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    questions = benchmark.questions(supply)
    said = {
        q.sample.id: written(name, right(q.gold, k), q.facts["width"], q.facts["height"], q.facts) for k, q in enumerate(questions)
    }
    verdicts = {(v.metric, v.variant, v.subset): v for v in evaluate((benchmark,), Said(said), supply, tmp_path / "scores")}
    expected = sum(k % 3 < 2 for k in range(len(questions))) / len(questions)
    best = verdicts["Acc@0.5", "official", "all"]
    assert (best.value, best.unparsed, best.count) == (pytest.approx(expected), 0, len(questions))
    assert verdicts["mean IoU", "official", "all"].value == pytest.approx(
        sum((1, 0.6, 1 / 3)[k % 3] for k in range(len(questions))) / len(questions), abs=1e-9
    )
    assert verdicts["Acc@0.5", "official", "refcoco+ testB"].count == 1


@pytest.mark.parametrize("name", [n for n in vars(suites) if n.startswith("refcoco") and n != "refcoco_seg"])
def test_the_middle_of_the_picture_is_tried_as_a_guess_however_it_is_written(name, tmp_path):
    lines(tmp_path, [{"image": "a.png", "sent": "it", "bbox": [150, 110, 450, 330]}] * 2)
    picture(tmp_path / "train2014/a.png", size=(600, 440))
    benchmark = getattr(suites, name)().benchmarks[0]
    verdicts = evaluate(
        (benchmark,), Said(dict.fromkeys(("refcoco_val:0", "refcoco_val:1"), "")), Supply(root=tmp_path), tmp_path / "s"
    )
    assert (verdicts[0].value, verdicts[0].trivial, verdicts[0].unparsed) == (0.0, 1.0, 2)


class Said:
    """Says what is listed under a sample's id."""

    def __init__(self, said):
        self.said = said

    def ask(self, samples, sampling, sight="picture", start=0):
        from omma.generate.reply import Reply

        for sample in samples[start:]:
            yield Reply(self.said[sample.id], (), (), "stop")

    def prompt_hash(self, sample):
        return "prompt"

    def fingerprint(self):
        return "said"


def test_boxes_of_the_own_markup_come_before_the_words(tmp_path):
    draw(tmp_path, VAL)
    question = asked(tmp_path)[0]
    metric = VAL.metrics[0]
    facts = question.facts | {"boxes": [question.gold, [0, 0, 1, 1]]}
    assert metric.judge("[0, 0, 1, 1]", question.gold, facts).score == 1.0
    assert metric.judge("[0, 0, 1, 1]", question.gold, question.facts).score == 0.0
    assert not metric.judge("It is at 3, 4, 5, 6.", question.gold, question.facts).parsed


def test_a_photo_whose_size_is_not_stated_is_measured_and_a_broken_one_is_wrong(tmp_path):
    rows = [{"image": f"train2014/{name}", "sent": "it", "bbox": [0, 0, 9, 9]} for name in ("whole.png", "broken.png")]
    lines(tmp_path, rows)
    picture(tmp_path / "train2014/whole.png", size=(33, 21))
    (tmp_path / "train2014/broken.png").write_bytes(b"\x89PNG broken")
    sizes = [(q.facts["width"], q.facts["height"]) for q in asked(tmp_path)]
    assert sizes == [(33, 21), (0, 0)]
    verdict = evaluate(
        (VAL,), Said(dict.fromkeys(("refcoco_val:0", "refcoco_val:1"), "[0, 0, 9, 9]")), Supply(root=tmp_path), tmp_path / "s"
    )
    assert (verdict[0].value, verdict[0].count, verdict[0].unparsed) == (0.5, 2, 1)


@pytest.mark.parametrize(
    ("own", "split", "belongs"),
    [
        ("testA", "testA", True),
        ("testAB", "testB", True),
        ("testB", "testA", False),
        ("testA", "test", True),
        ("train", "test", False),
        ("val", "val", True),
        ("train", "val", False),
    ],
)
def test_splits_follow_refer(own, split, belongs):
    assert in_split(own, split) == belongs


class Bomb:
    def __reduce__(self):
        return os.makedirs, ("exploded",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_names_code_is_refused_and_not_run(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "refs.p").write_bytes(pickle.dumps([{"split": Bomb()}], protocol))
    with pytest.raises(DataError, match="which plain data never does"):
        read_pickle(tmp_path / "refs.p", "refs.p")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "data", [b"", b"garbage", pickle.dumps([{"a": 1}] * 9)[:-5], b"\x80\x05h\x00.", b"cos\nsystem\n(S'x'\ntR."]
)
def test_a_broken_pickle_is_told(data, tmp_path):
    (tmp_path / "refs.p").write_bytes(data)
    with pytest.raises(DataError, match="plain data"):
        read_pickle(tmp_path / "refs.p", "refs.p")


def test_what_python_two_wrote_is_read(tmp_path):
    """Texts of Python 2, as refer's files hold them: the second in UTF-8."""
    (tmp_path / "refs.p").write_bytes(b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xc3\\xa9'\np3\nsS'id'\np4\nI7\nsa.")
    assert read_pickle(tmp_path / "refs.p", "refs.p") == [{"sent": "café", "id": 7}]

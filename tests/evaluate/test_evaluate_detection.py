"""Detection from files: published results give the published numbers through the suites; what models write is read as declared."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from omma.cli.eval import recorded
from omma.core.errors import DataError
from omma.evaluate.benchmarks.coco_detection import CocoDetection, CocoJoints, CocoMasks
from omma.evaluate.benchmarks.lvis import LvisDetection
from omma.evaluate.benchmarks.odinw import ALL, THIRTEEN, OdinwDetection
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.question import Supply
from omma.evaluate.recorded import Recorded
from omma.metrics.boxes.written import Qwen3Vl, Qwen25Vl
from omma.metrics.detection.coco import CocoBox, coco_numbers
from omma.metrics.detection.lvis import lvis_numbers
from omma.metrics.detection.written import Labelled
from tests.evaluate.drawing import picture
from tests.evaluate.fixtures import coco_detection as drawn
from tests.evaluate.fixtures import lvis, odinw

GOLDEN = Path(__file__).parents[2] / "../shared/golden/coco-detection"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden/coco-detection is not there")


@golden
@pytest.mark.parametrize(("kind", "benchmark"), [("bbox", CocoDetection()), ("segm", CocoMasks())])
def test_the_published_results_give_the_published_numbers_through_the_suite(kind, benchmark, tmp_path):
    truth = tmp_path / benchmark.path
    truth.parent.mkdir()
    shutil.copy(GOLDEN / "instances_val2014_100.json", truth)
    for image in json.loads(truth.read_text())["images"]:
        picture(tmp_path / "val2017" / image["file_name"], size=(2, 2))
    supply = Supply(root=tmp_path)
    answers = recorded(GOLDEN / f"instances_val2014_fake{kind}100_results.json", benchmark, supply)
    verdicts = evaluate((benchmark,), answers, supply, tmp_path / "scores")
    expected = list(json.loads((GOLDEN / "expected.json").read_text())[kind].values())
    assert [verdict.value for verdict in verdicts] == pytest.approx(expected, abs=1e-12)
    assert (verdicts[0].metric, verdicts[0].count, verdicts[0].unparsed) == ("AP", 100, 0)


def results(root, rows):
    file = root / "results.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


def found(image, category, box, score, **more):
    return {"image_id": image, "category_id": category, "bbox": box, "score": score} | more


BOXES = [
    found(9, 1, [4, 5, 19, 10], 0.9),
    found(19, 3, [5, 5, 20, 9], 0.4),
    found(19, 1, [30, 19, 9, 12], 0.8),
    found(59, 3, [0, 0, 9, 9], 0.3),
]


def test_results_of_a_file_score_as_the_two_files_do(tmp_path):
    benchmark = CocoDetection()
    drawn.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    verdicts = evaluate((benchmark,), recorded(results(tmp_path, BOXES), benchmark, supply), supply, tmp_path / "scores")
    whole = coco_numbers(drawn.data(), BOXES, "bbox")
    assert [verdict.value for verdict in verdicts] == pytest.approx(list(whole.values.values()), nan_ok=True)
    assert verdicts[0].value > 0.1
    raws = {record.sample_id: json.loads(record.raw) for record in read_records(tmp_path / "scores", benchmark.name)}
    assert [len(raw) for raw in raws.values()] == [1, 2, 0, 0, 0, 1]
    assert next(iter(raws)) == "000000000009"


def test_joints_score_as_the_two_files_do(tmp_path):
    benchmark = CocoJoints()
    drawn.draw(tmp_path, benchmark)
    moved = [number + (k % 3 < 2) for k, number in enumerate(drawn.JOINTS)]
    rows = [{"image_id": 9, "category_id": 1, "keypoints": moved, "score": 0.5}]
    supply = Supply(root=tmp_path)
    verdicts = evaluate((benchmark,), recorded(results(tmp_path, rows), benchmark, supply), supply, tmp_path / "scores")
    whole = coco_numbers(drawn.data(), rows, "keypoints")
    assert [verdict.value for verdict in verdicts] == pytest.approx(list(whole.values.values()), nan_ok=True)


def test_lvis_scores_as_the_two_files_do(tmp_path):
    benchmark = LvisDetection()
    lvis.draw(tmp_path, benchmark)
    rows = [*BOXES, found(29, 3, [1, 1, 9, 9], 0.7), found(39, 7, [1, 1, 9, 9], 0.6), found(49, 1, [8, 5, 20, 14], 0.95)]
    supply = Supply(root=tmp_path)
    verdicts = evaluate((benchmark,), recorded(results(tmp_path, rows), benchmark, supply), supply, tmp_path / "scores")
    whole = lvis_numbers(json.loads((tmp_path / benchmark.path).read_text()), rows, "bbox")
    assert [v.value for v in verdicts] == pytest.approx(list(whole.values.values()), nan_ok=True)
    assert {v.metric for v in verdicts} >= {"AP", "APr", "APc", "APf"} and verdicts[0].value > 0


def test_a_results_file_for_all_sets_names_the_set_of_each_row(tmp_path):
    benchmark = OdinwDetection()
    odinw.draw(tmp_path, benchmark)
    names = [one.partition(" ")[0] for one in benchmark.sets]
    rows = [found(k, 1, [4, 5, 20, 10 + k], 0.5, dataset=name) for k, name in enumerate(names) if k % 2]
    supply = Supply(root=tmp_path)
    verdicts = evaluate((benchmark,), recorded(results(tmp_path, rows), benchmark, supply), supply, tmp_path / "scores")
    assert verdicts[0].value == pytest.approx(6 / 13)
    assert {v.metric: v.value for v in verdicts}[f"AP {names[1]}"] == pytest.approx(1.0)


def test_all_of_odinw_is_35_sets_that_have_names_of_their_own():
    names, places = zip(*(one.split(" ", 1) for one in ALL), strict=True)
    assert len(set(names)) == len(set(places)) == 35
    assert {one.partition(" ")[2] for one in THIRTEEN} < set(places)


def test_a_missing_set_is_told(tmp_path):
    benchmark = OdinwDetection()
    odinw.draw(tmp_path, benchmark)
    next((tmp_path / benchmark.path / "PascalVOC").rglob("*.json")).unlink()
    with pytest.raises(DataError, match="all 13 sets"):
        benchmark.questions(Supply(root=tmp_path))


def test_results_for_other_pictures_are_refused(tmp_path):
    benchmark = CocoDetection()
    drawn.draw(tmp_path, benchmark)
    ids = [question.sample.id for question in benchmark.questions(Supply(root=tmp_path))]
    with pytest.raises(DataError, match="1 detections in pictures of no question, such as '99'"):
        Recorded(results(tmp_path, [*BOXES, found(99, 1, [1, 1, 2, 2], 0.1)]), ids)


FACTS = {"width": 200, "height": 100, "seen_width": 400, "seen_height": 50, "names": {"traffic light": 10, "Person": 1}}
GOLD = [{"category_id": 10, "bbox": [20.0, 10.0, 40.0, 20.0], "area": 800.0, "iscrowd": 0}]


@pytest.mark.parametrize(
    ("numbers", "box"), [(Qwen25Vl(), [40, 5, 120, 15]), (Qwen3Vl(), [100, 100, 300, 300])], ids=["seen pixels", "thousandths"]
)
def test_written_boxes_are_read_in_the_numbers_that_are_declared(numbers, box):
    metric = CocoBox(format=Labelled(numbers=numbers))
    for raw in (
        json.dumps([{"bbox_2d": box, "label": " Traffic Light"}]),
        f"```json\n{json.dumps({'bbox_2d': box, 'label': 'traffic light'})}\n```",
    ):
        mark = metric.judge(raw, GOLD, FACTS)
        assert mark.details["found"] == [{"category_id": 10, "bbox": [20.0, 10.0, 40.0, 20.0], "score": 1.0}]
        assert (mark.score, mark.details["unscored"], mark.details["bad"]) == (pytest.approx(1.0), 1, 0)


@pytest.mark.parametrize(
    "entry",
    [
        {"bbox_2d": [100, 100, 300, 300], "label": "zebra"},
        {"bbox_2d": [100, 100, 300, 300]},
        {"bbox_2d": [300, 100, 100, 300], "label": "person"},
        {"bbox_2d": [100, 100, 300], "label": "person"},
        {"bbox_2d": [100, "x", 300, 300], "label": "person"},
        {"bbox_2d": [100, 100, math.inf, 300], "label": "person"},
        "person",
    ],
)
def test_a_bad_entry_is_counted_and_finds_nothing(entry):
    mark = CocoBox(format=Labelled(numbers=Qwen3Vl())).judge(json.dumps([entry]), GOLD, FACTS)
    assert (mark.details["found"], mark.details["bad"]) == ([], 1)


def test_a_stated_confidence_is_kept():
    raw = json.dumps([{"bbox_2d": [100, 100, 300, 300], "label": "person", "score": 0.25}])
    mark = CocoBox(format=Labelled(numbers=Qwen3Vl())).judge(raw, GOLD, FACTS)
    assert (mark.details["found"][0]["score"], mark.details["unscored"]) == (0.25, 0)


def test_annotations_without_what_is_scored_are_told(tmp_path):
    benchmark = replace(CocoMasks(), path="truth.json")
    truth = drawn.data()
    del truth["annotations"][2]["segmentation"]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "val2017").mkdir()
    with pytest.raises(DataError, match="no 'segmentation'"):
        benchmark.questions(Supply(root=tmp_path))

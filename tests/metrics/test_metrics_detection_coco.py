"""COCO AP: the published 24 numbers, pycocotools on random sets, and cases by hand."""

import contextlib
import copy
import io
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.detection.annotations import found_of, index, truth_of
from omma.metrics.detection.coco import CocoBox, CocoMask, coco_numbers
from omma.metrics.detection.curves import _level, _weighted, average, precision
from omma.metrics.detection.matching import Rules, match
from omma.metrics.metric import Marked

GOLDEN = Path(__file__).parents[2] / "../shared/golden/coco-detection"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden/coco-detection is not there")
SIDE = 120


def read(name: str):
    return json.loads((GOLDEN / name).read_text())


@golden
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_published_numbers_of_the_demo_detections(kind: str):
    expected = list(read("expected.json")[kind].values())
    got = coco_numbers(read("instances_val2014_100.json"), read(f"instances_val2014_fake{kind}100_results.json"), kind)
    assert list(got.values.values()) == pytest.approx(expected, abs=1e-12)


@golden
def test_replies_picture_by_picture_give_the_numbers_of_the_files():
    dataset, results = read("instances_val2014_100.json"), read("instances_val2014_fakebbox100_results.json")
    metric, marked = CocoBox(), []
    for image in dataset["images"]:
        raw = json.dumps([one for one in results if one["image_id"] == image["id"]])
        gold = [note for note in dataset["annotations"] if note["image_id"] == image["id"]]
        facts = {"height": image["height"], "width": image["width"], "categories": [one["id"] for one in dataset["categories"]]}
        marked.append(Marked(f"{image['id']:012}", gold, facts, metric.judge(raw, gold, facts)))
    numbers = metric.aggregate(marked)
    assert [one.value for one in numbers] == pytest.approx(list(read("expected.json")["bbox"].values()), abs=1e-12)
    ap, ar = numbers[0], numbers[6]
    assert (ap.metric, ap.count, ap.unparsed, ar.metric) == ("AP", 100, 0, "AR@1")
    assert ap.low < ap.value < ap.high and ap.high - ap.low < 0.25
    assert math.isnan(ar.low)
    assert metric.aggregate(random.Random(1).sample(marked, len(marked))) == pytest.approx(numbers)


def theirs(dataset, results, kind: str):
    """pycocotools' numbers, or a skip."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra `coco`)")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(dataset)
        truth.createIndex()
        job = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
        job.evaluate()
        job.accumulate()
        job.summarize()
    return job.stats


def shape(draw: np.random.Generator, kind: str, grid: float) -> dict:
    """A random object; `grid` rounds its numbers, which makes ties."""

    def some(low, high, count):
        values = draw.uniform(low, high, count)
        return (values / grid).round() * grid if grid else values

    (x, y), (wide, high) = some(0, 80, 2), some(5, 60 if draw.random() < 0.7 else 8, 2)
    note = {"bbox": [x, y, wide, high], "area": wide * high}
    if kind == "segm":
        note["segmentation"] = [np.stack([some(x, x + wide, 5), some(y, y + high, 5)], 1).ravel().tolist()]
    if kind == "keypoints":
        seen = draw.integers(0, 3, 17) * (draw.random() > 0.15)
        note["keypoints"] = np.stack([some(x, x + wide, 17), some(y, y + high, 17), seen], 1).ravel().tolist()
        note |= {"num_keypoints": int((seen > 0).sum()), "area": wide * high * 8 + 100}
    return note


def detection(draw: np.random.Generator, note: dict, kind: str) -> dict:
    """An object, moved a little or not at all, as a detection whose score has one decimal."""
    move = draw.integers(-6, 7, 2) * (draw.random() < 0.7)
    found = {"image_id": note["image_id"], "category_id": note["category_id"], "score": round(float(draw.random()), 1)}
    if draw.random() < 0.2:
        found["category_id"] = 5
    if kind == "bbox":
        return found | {"bbox": (np.array(note["bbox"]) + [*move, 0, 0]).tolist()}
    if kind == "keypoints":
        return found | {"keypoints": (np.array(note["keypoints"]).reshape(17, 3) + [*move, 0]).ravel().tolist()}
    from pycocotools import mask

    merged = mask.merge(mask.frPyObjects([(np.array(note["segmentation"][0]).reshape(-1, 2) + move).ravel().tolist()], SIDE, SIDE))
    return found | {"segmentation": {"size": [SIDE, SIDE], "counts": merged["counts"].decode()}}


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_random_sets_with_ties_and_crowds_equal_pycocotools(kind: str):
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra `coco`)")
    for seed in range(20):
        draw = np.random.default_rng(seed)
        images = [{"id": 3 * number + 1, "height": SIDE, "width": SIDE} for number in range(draw.integers(1, 12))]
        categories = [{"id": 5 + number} for number in range(draw.integers(1, 4))]
        notes = []
        for image in images:
            for _ in range(draw.integers(1, 8)):
                ids = {"id": len(notes) + 1, "image_id": image["id"], "category_id": 5 + int(draw.integers(len(categories)))}
                notes.append(shape(draw, kind, draw.choice([0, 1, 5])) | ids | {"iscrowd": int(draw.random() < 0.15)})
        results = [detection(draw, note, kind) for note in notes for _ in range(draw.integers(1, 4))]
        dataset = {"images": images, "annotations": notes, "categories": categories, "info": {}}
        got = np.nan_to_num(list(coco_numbers(dataset, results, kind).values.values()), nan=-1.0)
        assert got == pytest.approx(theirs(dataset, results, kind), abs=1e-12)


def scored(metric: CocoBox, replies: list[tuple[list, list]], **facts):
    return metric.aggregate(
        [Marked(str(i), gold, facts, metric.judge(json.dumps(said), gold, facts)) for i, (said, gold) in enumerate(replies)]
    )


def object_at(x: float, **more):
    return {"category_id": 1, "bbox": [x, 0, 10, 10], "area": 100, "iscrowd": 0} | more


def test_ap_by_hand():
    """Ours: two objects; the best guess is wrong, the second right. Precision ½ up to recall ½: 51 of 101 points."""
    said = [{"category_id": 1, "bbox": [50, 50, 10, 10], "score": 0.9}, {"category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.8}]
    numbers = {one.metric: one.value for one in scored(CocoBox(), [(said, [object_at(0), object_at(30)])])}
    assert numbers["AP50"] == pytest.approx(0.5 * 51 / 101)
    assert (numbers["AR@1"], numbers["AR@100"]) == (0.0, 0.5)
    assert math.isnan(numbers["AP-large"])


def test_a_crowd_takes_any_number_of_detections_and_counts_for_nothing():
    """Ours: three boxes within a crowd are neither right nor wrong."""
    crowd = object_at(50, iscrowd=1, bbox=[50, 0, 60, 60], area=3600)
    inside = [{"category_id": 1, "bbox": [50 + 10 * i, 5, 10, 10], "score": 0.9} for i in range(3)]
    found = {"category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.1}
    assert scored(CocoBox(), [([*inside, found], [crowd, object_at(0)])])[0].value == pytest.approx(1.0)


def test_boxes_without_scores_rank_as_they_are_named_and_are_counted():
    """Ours: the confidence rule of generative models. Right box first: AP 1; right box last: ½."""
    right, wrong = ({"category_id": 1, "bbox": [x, 0, 10, 10]} for x in (0, 70))
    gold = [object_at(0)]
    assert scored(CocoBox(), [([right, wrong], gold)])[0].value == pytest.approx(1.0)
    assert scored(CocoBox(), [([wrong, right], gold)])[0].value == pytest.approx(0.5)
    assert CocoBox().judge(json.dumps([right, wrong]), gold, {}).details["unscored"] == 2


def test_bad_entries_are_left_out_and_counted():
    right = {"category_id": 1, "bbox": [0, 0, 10, 10]}
    bad = [3, {}, *(right | {"bbox": box} for box in (7, [0, 0, math.nan, 1], [0, 0, -3, 4])), right | {"score": "high"}]
    mark = CocoBox().judge(json.dumps([*bad, right]), [object_at(0)], {})
    assert (mark.said, mark.details["bad"], mark.score) == (1, 6, pytest.approx(1.0))


def test_a_mask_of_another_size_is_bad_and_counted():
    gold = [{"category_id": 1, "segmentation": {"size": [4, 4], "counts": [0, 8, 8]}, "area": 8}]
    said = [{"category_id": 1, "segmentation": {"size": [4, 5], "counts": [0, 20]}}, gold[0]]
    mark = CocoMask().judge(json.dumps(said), gold, {"height": 4, "width": 4})
    assert (mark.details["bad"], mark.score) == (1, pytest.approx(1.0))


def test_an_unread_picture_stays_in_the_set():
    metric, gold = CocoBox(), [object_at(0)]
    replies = ["none here", json.dumps([object_at(0)])]
    marked = [Marked(str(i), gold, {}, metric.judge(raw, gold, {})) for i, raw in enumerate(replies)]
    ap = metric.aggregate(marked)[0]
    assert (ap.value, ap.count, ap.unparsed) == (pytest.approx(51 / 101), 2, 1)


def test_twice_the_same_box_is_wrong_once():
    """Ours: at equal recall the second copy costs nothing where it comes last, and half where all is found behind it."""
    said = [object_at(0), object_at(0), object_at(30)]
    value = scored(CocoBox(), [(said, [object_at(0), object_at(30)])])[0].value
    assert value == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_picture_drawn_twice_weighs_as_two_pictures():
    """The bootstrap's AP with weights 2, 0, 1, … is the AP of the set in which pictures stand as often."""
    draw = np.random.default_rng(5)
    weight = np.array([2, 0, 1, 3, 1, 2])
    notes = [[object_at(20.0 * i, category_id=1 + i % 2) for i in range(draw.integers(1, 6))] for _ in weight]
    found = [
        [
            note | {"bbox": [note["bbox"][0] + draw.integers(0, 4), 0, 10, 10], "score": draw.random()}
            for note in own
            for _ in range(2)
        ]
        for own in notes
    ]

    def matched(pictures):
        names = index([{"id": i} for i in range(len(pictures))], [{"id": 1}, {"id": 2}])
        true, said = ([one | {"image_id": i} for i, p in enumerate(pictures) for one in table[p]] for table in (notes, found))
        return match(truth_of(true, names, "bbox"), found_of(said, names, "bbox"), Rules())

    once, repeated = matched(range(len(weight))), matched(np.repeat(np.arange(len(weight)), weight))
    order = np.lexsort((-once.score, once.category))
    there = np.bincount(once.real_category, weight[once.real_picture], 2)
    for place in range(10):
        expected = average(precision(repeated, 2)[:, 0, place])
        assert _weighted(_level(once, order, place), weight.astype(float), there) == pytest.approx(expected, abs=1e-9)
        assert 0 < expected < 1 or place > 6


def test_nothing_to_score_and_strange_pictures_are_errors():
    with pytest.raises(DataError, match="no pictures"):
        CocoBox().aggregate([])
    dataset = {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]}
    with pytest.raises(DataError, match="picture 2"):
        coco_numbers(dataset, [{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}], "bbox")


@settings(max_examples=60)
@given(text=st.text(max_size=60) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_reply_breaks_it(text: str):
    mark = CocoBox().judge(text, [object_at(0)], {})
    assert 0.0 <= mark.score <= 1.0
    assert CocoMask().judge(text, [{"category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]], "area": 8}], {"height": 9, "width": 9})


def test_a_long_and_a_deep_reply_are_read_or_not_but_never_raise():
    assert CocoBox().judge("[" * 500_000 + "]" * 500_000, [], {}).said is None
    assert CocoBox().judge(json.dumps([object_at(0)] * 15_000), [object_at(0)], {}).said == 15_000

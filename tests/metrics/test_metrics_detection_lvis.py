"""LVIS and ODinW: federated rules by hand (the cases are ours; no published detections are at hand), sets counted once."""

import json
import math

import pytest

from omma.core.errors import DataError
from omma.metrics.detection.coco import CocoBox, coco_numbers
from omma.metrics.detection.lvis import LvisBox, LvisMask, lvis_numbers
from omma.metrics.detection.odinw import Odinw
from omma.metrics.metric import Marked


def box(picture: int, category: int, x: float = 0, score: float = 1.0, **more) -> dict:
    return {"image_id": picture, "category_id": category, "bbox": [x, 0, 10, 10], "area": 100, "score": score} | more


def dataset(notes: list[dict], *, negative=(), unfinished=(), pictures: int = 1) -> dict:
    """Categories 1 rare, 2 common, 3 frequent; every picture with the same lists."""
    lists = {"neg_category_ids": list(negative), "not_exhaustive_category_ids": list(unfinished)}
    images = [{"id": number + 1, "height": 100, "width": 100} | lists for number in range(pictures)]
    categories = [{"id": number, "frequency": letter} for number, letter in enumerate("rcf", start=1)]
    return {"images": images, "annotations": notes, "categories": categories}


def numbers(data: dict, results: list[dict]) -> dict[str, float]:
    return dict(lvis_numbers(data, results, "bbox").values)


def test_a_category_that_nobody_looked_for_costs_nothing_and_a_negative_one_does():
    truth, right, wrong = [box(1, 1)], box(1, 1, score=0.5), box(1, 2, x=50, score=0.9)
    assert numbers(dataset(truth), [right, wrong])["AP"] == pytest.approx(1.0)
    two = dataset([*truth, box(2, 2)], negative=[2], pictures=2)
    found = [right, wrong, box(2, 2, score=0.5)]
    assert numbers(two, found)["APc"] == pytest.approx(0.5)
    assert numbers(dataset([*truth, box(2, 2)], pictures=2), found)["APc"] == pytest.approx(1.0)


def test_where_labels_are_unfinished_a_false_alarm_is_ignored_and_a_hit_still_counts():
    truth, results = [box(1, 1)], [box(1, 1, x=50, score=0.9), box(1, 1, score=0.5)]
    assert numbers(dataset(truth), results)["AP"] == pytest.approx(0.5)
    assert numbers(dataset(truth, unfinished=[1]), results)["AP"] == pytest.approx(1.0)


def test_rare_common_and_frequent_are_means_over_their_categories():
    truth = [box(1, 1), box(1, 2), box(1, 3)]
    got = numbers(dataset(truth), [box(1, 1), box(1, 3, x=4)])
    assert (got["APr"], got["APc"]) == (pytest.approx(1.0), 0.0)
    assert got["APf"] == 0.0  # IoU 60 / 140 is below every threshold
    assert got["AP"] == pytest.approx(1 / 3)


def test_three_hundred_detections_a_picture_over_all_categories():
    truth = [box(1, 1)]
    crowd = [box(1, 2, x=50, score=0.9)] * 300
    assert numbers(dataset(truth), [*crowd, box(1, 1, score=0.1)])["AR@300"] == 0.0
    assert numbers(dataset(truth), [*crowd[:299], box(1, 1, score=0.1)])["AR@300"] == 1.0


def test_without_federation_the_numbers_are_those_of_coco():
    notes = [box(picture, category, x=30 * category, id=3 * picture + category) for picture in (1, 2) for category in (1, 2, 3)]
    results = [box(p, c, x=30 * c + 3 * p - 2, score=0.1 * c + 0.3 * p) for p in (1, 2) for c in (1, 2, 3) for _ in range(2)]
    data = dataset(notes, negative=[1, 2, 3], pictures=2)
    federated, plain = lvis_numbers(data, results, "bbox").values, coco_numbers(data, results, "bbox").values
    assert [federated[name] for name in ("AP", "AP50", "AP75")] == [plain[name] for name in ("AP", "AP50", "AP75")]
    assert 0 < plain["AP"] < 1


def judged(metric: CocoBox, replies: list[tuple[list, list]], facts: dict) -> list[Marked]:
    return [Marked(str(i), gold, facts, metric.judge(json.dumps(said), gold, facts)) for i, (said, gold) in enumerate(replies)]


def test_replies_give_the_numbers_of_the_file():
    facts = {"neg_category_ids": [2], "not_exhaustive_category_ids": [1], "frequency": {"r": [1], "c": [2], "f": [3]}}
    said, gold = [box(1, 1, x=50, score=0.9), box(1, 1, score=0.5), box(1, 3, x=3, score=0.4)], [box(1, 1), box(1, 3)]
    got = LvisBox().aggregate(judged(LvisBox(), [(said, gold)], facts | {"categories": [1, 2, 3]}))
    expected = numbers(dataset(gold, negative=[2], unfinished=[1]), said)
    assert {one.metric: one.value for one in got} == pytest.approx(expected, nan_ok=True)


def test_masks_are_scored_alike():
    square = {"category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]], "area": 16}
    facts = {"neg_category_ids": [], "not_exhaustive_category_ids": [], "frequency": {"r": [1]}, "height": 9, "width": 9}
    got = {one.metric: one.value for one in LvisMask().aggregate(judged(LvisMask(), [([square], [square])], facts))}
    assert (got["AP"], got["APr"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert math.isnan(got["APf"])


def test_odinw_is_the_mean_over_sets_and_not_over_pictures():
    metric, hit, miss = Odinw(), ([box(1, 1)], [box(1, 1)]), ([], [box(1, 1)])
    marked = judged(metric, [hit], {"dataset": "aquarium"}) + judged(metric, [miss] * 3, {"dataset": "pothole"})
    first, aquarium, pothole = metric.aggregate(marked)
    assert (first.metric, first.value, first.count) == ("mean AP", pytest.approx(0.5), 4)
    assert (aquarium.metric, aquarium.value, pothole.value) == ("AP aquarium", pytest.approx(1.0), 0.0)


def test_odinw_refuses_a_set_without_objects():
    with pytest.raises(DataError, match="set empty"):
        Odinw().aggregate(judged(Odinw(), [([], [])], {"dataset": "empty"}))

"""AUROC, average precision and per-region overlap: equal to scikit-learn and to thresholds tried one by one."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.auroc import AnomalyDetection, auroc, average_precision, pro, regions
from omma.metrics.metric import Marked

SCORED = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30)


@given(SCORED)
@settings(deadline=None, max_examples=40)
def test_both_areas_equal_those_of_scikit_learn_with_ties(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth = [float(score) for score, _ in rows], [anomalous for _, anomalous in rows]
    if any(truth) and not all(truth):
        assert auroc(scores, truth) == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)
        assert average_precision(scores, truth) == pytest.approx(metrics.average_precision_score(truth, scores), abs=1e-12)


def test_areas_by_hand():
    """Ours: of the four pairs of an anomaly and a normal picture two and a half are in order."""
    assert auroc([0.9, 0.5, 0.5, 0.7], [True, True, False, False]) == (1 + 1 + 0.5 + 0) / 4
    assert auroc([1.0, 1.0], [True, False]) == 0.5
    assert math.isnan(auroc([1.0], [True]))
    assert math.isnan(average_precision([1.0], [False]))


def naive_pro(maps, masks, limit):
    """Every score tried as a threshold, regions by scipy; the curve is cut at the limit by a straight line."""
    label = pytest.importorskip("scipy.ndimage").label
    everywhere = [label(mask, np.ones((3, 3)))[0] for mask in masks]
    normal = np.concatenate([one[found == 0] for one, found in zip(maps, everywhere, strict=True)])
    curve = [(0.0, 0.0)]
    for threshold in sorted({*np.concatenate([one.ravel() for one in maps])}, reverse=True):
        overlaps = [
            (one[found == at] >= threshold).mean()
            for one, found in zip(maps, everywhere, strict=True)
            for at in range(1, found.max() + 1)
        ]
        curve.append(((normal >= threshold).mean(), np.mean(overlaps)))
    across, up = np.array(curve).T
    area = 0.0
    for start, end, low, high in zip(across[:-1], across[1:], up[:-1], up[1:], strict=True):
        stop = min(end, limit)
        if stop > start:
            area += (stop - start) * (low + low + (high - low) * (stop - start) / (end - start)) / 2
    return area / limit


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_per_region_overlap_equals_every_threshold_tried(seed, limit):
    generator = np.random.default_rng(seed)
    masks = [generator.random((9, 11)) < 0.25 for _ in range(3)]
    maps = [np.round(generator.random((9, 11)) + 0.4 * mask, 1 + seed % 2) for mask in masks]
    assert pro(maps, masks, limit) == pytest.approx(naive_pro(maps, masks, limit), abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
def test_regions_are_those_of_scipy(share):
    label = pytest.importorskip("scipy.ndimage").label
    mask = np.random.default_rng(7).random((40, 33)) < share
    found, (expected, count) = regions(mask), label(mask, np.ones((3, 3)))
    assert found.max(initial=0) == count
    assert len({*zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True)}) == count + (not mask.all())


def test_a_spiral_is_one_region():
    mask = np.zeros((9, 9), bool)
    mask[0, :] = mask[:, 8] = mask[8, :] = True
    mask[2:9, 0] = mask[2, 0:7] = mask[2:7, 6] = True
    assert regions(mask).max() == 1


def test_large_and_small_regions_count_alike_and_a_perfect_map_is_one():
    mask = np.zeros((20, 20), bool)
    mask[:10, :10], mask[15, 15] = True, True
    assert pro([mask.astype(float)], [mask]) == 1.0
    only_large = np.where(np.arange(20)[:, None] < 10, mask, 0.0)
    missed = pro([only_large + 1e-3 * ~mask], [mask])
    assert missed == pytest.approx(0.5)
    assert math.isnan(pro([mask.astype(float)], [np.zeros_like(mask)]))


def marked(raws, golds):
    rule = AnomalyDetection()
    return [Marked(str(i), gold, {}, rule.judge(raw, gold, {})) for i, (raw, gold) in enumerate(zip(raws, golds, strict=True))]


def test_unparsed_scores_lose_and_are_counted():
    area, precision = AnomalyDetection().aggregate(marked(["0.9", "?", "0.1", "NaN"], [True, True, False, False]))
    assert (area.value, area.unparsed, area.count) == (1 / 4, 2, 4)
    assert precision.value == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_intervals_hold_the_value_and_order_does_not_matter():
    generator = np.random.default_rng(1)
    golds = (generator.random(200) < 0.4).tolist()
    rows = marked([str(score) for score in generator.random(200) + 0.4 * np.array(golds)], golds)
    numbers = AnomalyDetection().aggregate(rows)
    assert all(number.low < number.value < number.high for number in numbers)
    assert numbers == AnomalyDetection().aggregate(random.Random(0).sample(rows, len(rows)))


@pytest.mark.parametrize("golds", [[], [True], [False, False]])
def test_one_kind_alone_has_no_curve(golds):
    with pytest.raises(DataError, match="some of each kind"):
        AnomalyDetection().aggregate(marked(["0.5"] * len(golds), golds))

"""Per-region overlap: equal to thresholds tried one by one, regions equal to scipy's; maps as replies."""

import json
import math

import numpy as np
import pytest

from omma.core.errors import DataError
from omma.metrics.auroc import auroc
from omma.metrics.metric import Marked
from omma.metrics.pro import AnomalyMaps, pro, regions


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
    rule = AnomalyMaps()
    return [Marked(str(i), gold, {}, rule.judge(raw, gold, {})) for i, (raw, gold) in enumerate(zip(raws, golds, strict=True))]


def test_maps_are_scored_over_all_pixels_in_any_order():
    generator = np.random.default_rng(4)
    masks = [(generator.random((6, 5)) < 0.3).astype(int) for _ in range(3)]
    maps = [np.round(generator.random((6, 5)) + 0.5 * mask, 2) for mask in masks]
    rows = marked([json.dumps(one.tolist()) for one in maps], [mask.tolist() for mask in masks])
    numbers = AnomalyMaps().aggregate(rows)
    assert numbers[0].value == pro(maps, masks)
    assert numbers[1].value == auroc(
        np.concatenate([one.ravel() for one in maps]), np.concatenate([mask.ravel() for mask in masks])
    )
    backwards = AnomalyMaps().aggregate(rows[::-1])
    assert [number.value for number in backwards] == pytest.approx([number.value for number in numbers])


@pytest.mark.parametrize("raw", ["", "[]", "[[1], [1, 2]]", "[[NaN, 1], [0, 0]]", "[[1, 2, 3]]", "[1, 2]", "[" * 3000, "null"])
def test_a_map_that_cannot_be_read_finds_nothing(raw):
    overlap, area, _ = AnomalyMaps().aggregate(marked([raw], [[[0, 1], [0, 0]]]))
    assert (overlap.value, area.value, area.unparsed) == (0.0, 0.0, 1)


@pytest.mark.parametrize("golds", [[], [[[0, 0]]], [[[1, 1]]]])
def test_one_kind_of_pixel_alone_has_no_curve(golds):
    with pytest.raises(DataError, match="anomalous and normal pixels"):
        AnomalyMaps().aggregate(marked(["[[1, 2]]"] * len(golds), golds))

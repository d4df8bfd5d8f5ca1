"""AUROC and average precision of pictures: equal to scikit-learn, ties included."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.auroc import AnomalyDetection, auroc, average_precision
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

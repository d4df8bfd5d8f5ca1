"""MIR: equal to scipy's square root of the product where it is exact, to plain Newton steps where it is fast."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.metric import Marked
from omma.metrics.mir import Mir, covariance, exact_trace, frechet, layer_distance, lower_median, mir, newton_trace, tame


@pytest.fixture
def clouds():
    generator = np.random.default_rng(3)
    mix = generator.normal(size=(2, 6, 6))
    return generator.normal(size=(80, 6)) @ mix[0] + 1.0, generator.normal(size=(60, 6)) @ mix[1]


def test_the_trace_is_that_of_scipys_square_root(clouds):
    sqrtm = pytest.importorskip("scipy.linalg").sqrtm
    a, b = map(covariance, clouds)
    expected = float(np.trace(np.real(sqrtm(a @ b))))
    assert exact_trace(a, b) == pytest.approx(expected, rel=1e-10)
    assert exact_trace(b, a) == pytest.approx(expected, rel=1e-10)


def test_the_trace_of_singular_covariances_is_exact_too():
    """Ours: fewer tokens than dimensions; the trace of the root of A² is the trace of A."""
    states = np.random.default_rng(0).normal(size=(4, 9))
    cov = covariance(states)
    assert exact_trace(cov, cov) == pytest.approx(np.trace(cov), rel=1e-6)
    assert frechet(states, states) == pytest.approx(0.0, abs=1e-6)


def test_the_authors_newton_steps_stand_still_at_the_product():
    """Ours: from AB and the identity every step gives AB and the identity again, so no root is ever taken."""
    generator = np.random.default_rng(2)
    a, b = (0.5 * np.eye(6) + 0.05 * covariance(generator.normal(size=(80, 6))) for _ in range(2))
    assert newton_trace(a, b) == pytest.approx(np.trace(a @ b), rel=1e-12)
    assert newton_trace(a, b) != pytest.approx(exact_trace(a, b), rel=0.1)


def test_newton_without_full_rank_is_an_error_with_the_way_out():
    with pytest.raises(DataError, match="exact_trace"):
        newton_trace(np.zeros((3, 3)), np.eye(3))


def test_frechet_by_hand():
    """Ours: one dimension, variances 4 and 1, means 3 apart: 9 + 4 + 1 − 2·2."""
    a = np.array([[-1.0], [1.0], [3.0]])
    b = np.array([[3.0], [4.0], [5.0]])
    assert frechet(a, b) == pytest.approx(9 + 4 + 1 - 4)


def test_outliers_become_the_median_of_every_coordinate():
    states = np.ones((41, 2)) + 0.01 * np.arange(41)[:, None]
    states[7] = 100.0
    found = tame(states)
    assert found[7].tolist() == lower_median(states).tolist()
    assert (np.delete(found, 7, axis=0) == np.delete(states, 7, axis=0)).all()
    assert lower_median(np.array([4.0, 1.0, 3.0, 2.0])) == 2.0  # the lower one in the middle, as in torch


def test_the_text_sets_the_scale():
    """Ours: states ten times as large lie as far apart."""
    generator = np.random.default_rng(5)
    visual, text = generator.normal(size=(50, 4)) + 2, generator.normal(size=(40, 4))
    assert layer_distance(10 * visual, 10 * text) == pytest.approx(layer_distance(visual, text))


def test_layers_are_summed_before_the_logarithm(clouds):
    visual, text = clouds
    states, mask = np.concatenate(clouds), np.arange(140) < 80
    one = layer_distance(visual, text)
    assert mir([states], mask) == pytest.approx(math.log10(one))
    assert mir([states, states, states], mask) == pytest.approx(math.log10(3 * one))
    shuffled = np.random.default_rng(0).permutation(140)
    assert mir([states[shuffled]], mask[shuffled]) == pytest.approx(math.log10(one))
    assert mir([states], mask, newton_trace) != mir([states], mask)


@pytest.mark.parametrize(("layers", "visual"), [(0, 3), (1, 1), (1, 5)])
def test_too_little_to_measure_is_an_error(layers, visual):
    with pytest.raises(DataError, match="two tokens of each kind"):
        mir([np.ones((5, 2))] * layers, np.arange(5) < visual)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_distances_are_not_negative_and_zero_of_the_same(seed):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(12, 3)), generator.normal(size=(9, 3)) * 2 + 1
    assert frechet(a, b) >= -1e-9
    assert frechet(a, b) == pytest.approx(frechet(b, a))
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-9)


def test_the_suites_number_is_of_one_measurement_that_all_documents_share():
    rule = Mir()
    rows = [Marked(str(i), None, {}, rule.judge("[2.0, 0.5, 7.5]", None, {})) for i in range(3)]
    (found,) = rule.aggregate(rows)
    assert (found.metric, found.value, found.count, found.unparsed) == ("MIR", pytest.approx(1.0), 3, 0)
    assert not found.higher_is_better and found.unit == "points" and math.isnan(found.low)
    unread = [Marked(raw, None, {}, rule.judge(raw, None, {})) for raw in ("", "[NaN]", "null", "[]", "words")]
    assert rule.aggregate([*rows, *unread])[0].unparsed == 5
    assert math.isnan(rule.aggregate(unread)[0].value)
    other = Marked("x", None, {}, rule.judge("[2.0, 0.5, 7.4]", None, {}))
    with pytest.raises(DataError, match="2 different measurements.*in one process"):
        rule.aggregate([*rows, other])
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])

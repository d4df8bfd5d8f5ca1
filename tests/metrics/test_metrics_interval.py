"""Bootstrap intervals: seeded, of the width that theory says, and covering the truth as often as they claim."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.interval import bootstrap, paired


def test_empty_and_single():
    assert all(math.isnan(bound) for bound in bootstrap([], 0))
    assert bootstrap([0.25], 0) == (0.25, 0.25)
    assert bootstrap([1.0] * 50, 0) == (1.0, 1.0)


@pytest.mark.parametrize("values", [[0.0, 1.0] * 200, np.random.default_rng(0).normal(0.5, 0.5, 400)], ids=["counted", "drawn"])
def test_width_is_that_of_the_normal_approximation(values):
    low, high = bootstrap(values, seed=3, resamples=4000)
    half = 1.96 * np.std(values) / math.sqrt(len(values))
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert low < np.mean(values) < high


def test_the_seed_decides():
    values = np.random.default_rng(1).random(100)
    assert bootstrap(values, 5) == bootstrap(values, 5) != bootstrap(values, 6)
    assert bootstrap(values.tolist(), 5) == bootstrap(values, 5)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    held = [low <= 0.7 <= high for low, high in (bootstrap(random.random(200) < 0.7, seed, resamples=300) for seed in range(300))]
    assert 0.90 <= np.mean(held) <= 0.985


def test_a_level_widens_the_interval():
    values = np.random.default_rng(3).random(100)
    (low, high), (lower, higher) = bootstrap(values, 0, level=0.5), bootstrap(values, 0, level=0.99)
    assert lower < low < high < higher


def test_pairs_cancel_what_both_find_hard():
    random = np.random.default_rng(4)
    hardness = random.normal(0, 1, 300)
    a, b = hardness + 0.1 + random.normal(0, 0.1, 300), hardness + random.normal(0, 0.1, 300)
    low, high = paired(a, b, 0)
    assert 0.05 < low < 0.1 < high < 0.15
    assert paired(a, a, 0) == (0.0, 0.0)
    with pytest.raises(AssertionError, match="300"):
        paired(a, b[:10], 0)


def test_a_million_answers_take_no_time():
    values = np.arange(1_000_000) % 3 == 0
    start = time.perf_counter()
    low, high = bootstrap(values, 0)
    assert time.perf_counter() - start < 2 and low < 1 / 3 < high


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=30), seed=st.integers(0, 5))
def test_bounds_lie_among_the_values(values, seed):
    low, high = bootstrap(values, seed, resamples=50)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12

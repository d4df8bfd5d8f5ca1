"""Differences: intervals cover what they say, nothing is clear where nothing differs, and hand-worked layouts."""

import numpy as np
import pytest

from omma.metrics.metric import Number, Terms
from omma.study.arms import Arm, Portion, Trial
from omma.study.differences import Noise, all_pairs, difference_noise, differences, estimates, interval, mean_noise
from omma.study.grid import DRAWS, Grid, grid_of, mean_of

QUESTIONS = 60


def ratio(sums):
    return sums[..., 0] / sums[..., 1]


def grid(values, *, higher=True):
    """Values (arms, seeds) without draws of questions."""
    values = np.asarray(values, float)
    arms = tuple("abcdef"[: len(values)])
    drawn = np.repeat(values[..., None], DRAWS, 2)
    return Grid("test accuracy", "share", higher, 0, arms, tuple(range(values.shape[1])), values, drawn)


def answered(right):
    """Whether each answer was right (arms, seeds, questions) → grid, as from records."""
    numbers = {}
    for a, seeds in enumerate(right):
        for s, scores in enumerate(seeds):
            units = [(float(score), 1.0) for score in scores]
            number = Number("accuracy", float(np.mean(scores)), len(units), 0, 0.0, 1.0, terms=Terms(units, ratio))
            numbers[Trial(Arm("abcdef"[a], (Portion("x", 1),)), s)] = number
    return grid_of("test", numbers)


def test_the_two_way_layout_by_hand():
    """Ours: rows (1, 3) and (4, 4): mean 3, arms 2 and 4, seeds 2.5 and 3.5; residuals ±0.5, so their sum of squares is 1."""
    table = grid([[1.0, 3.0], [4.0, 4.0]])
    noise = difference_noise(table)
    assert noise.freedom == 1 and noise.error == pytest.approx(np.sqrt(2 * 1.0 / 1 / 2))
    own = mean_noise(table)
    assert own.freedom == 2 and own.error == pytest.approx(np.sqrt(2.0 / 2 / 2))


def test_what_a_seed_gives_to_all_arms_cancels_out():
    base = np.array([[0.5, 0.52, 0.55], [0.6, 0.61, 0.66]])
    moved = base + np.array([0.3, -0.2, 0.0])
    assert difference_noise(grid(moved)).error == pytest.approx(difference_noise(grid(base)).error)
    assert mean_noise(grid(moved)).error > 3 * mean_noise(grid(base)).error


def test_one_seed_makes_nothing_clear():
    rng = np.random.default_rng(0)
    right = np.stack([rng.random((1, QUESTIONS)) < share for share in (0.1, 0.9)])
    (found,) = differences(answered(right), [("b", "a")])
    assert found.low > 0 and not found.clear
    assert np.isnan(difference_noise(answered(right)).error)


def test_a_great_difference_is_clear_in_both_directions():
    rng = np.random.default_rng(1)
    right = np.stack([rng.random((3, 400)) < share for share in (0.3, 0.7)])
    up, down = differences(answered(right), [("b", "a"), ("a", "b")])
    assert up.clear and down.clear and up.value == pytest.approx(-down.value) and 0.3 < up.value < 0.5
    assert up.low < up.value < up.high


def test_better_is_positive_where_less_is_better():
    (found,) = differences(grid([[1.0, 1.1], [2.0, 2.1]], higher=False), [("a", "b")])
    assert found.value == pytest.approx(1.0)
    assert [one.arm for one in estimates(grid([[2.0, 2.1], [1.0, 1.1]], higher=False))] == ["b", "a"]


def test_what_makes_questions_hard_cancels_out_of_differences():
    rng = np.random.default_rng(2)
    easy = rng.random(QUESTIONS)
    same = np.stack([np.stack([easy > 0.5] * 2)] * 2)  # two arms that answer alike
    (found,) = differences(answered(same), [("a", "b")])
    assert (found.low, found.high) == (0.0, 0.0)
    mean = estimates(answered(same))[0]
    assert mean.high - mean.low > 0.15, "their scores do depend on the questions that are asked"


@pytest.mark.parametrize(("arms", "seeds"), [(2, 3), (4, 2)])
def test_where_nothing_differs_studies_rarely_call_anything_clear(arms, seeds):
    """Simulated studies of equal arms, each with its own luck of seeds: at most 5% should have a clear difference, 8% here."""
    rng = np.random.default_rng(arms + 10 * seeds)
    wrong, inside, studies = 0, 0, 50
    pairs = all_pairs("abcdef"[:arms])
    for _ in range(studies):
        hard = rng.normal(0, 1.0, QUESTIONS)
        luck = rng.normal(0, 0.3, (arms, seeds, 1)) + rng.normal(0, 0.3, (1, seeds, 1))
        right = rng.random((arms, seeds, QUESTIONS)) < 1 / (1 + np.exp(-(luck + hard)))
        found = differences(answered(right), pairs)
        wrong += any(one.clear for one in found)
        inside += sum(one.low <= 0 <= one.high for one in found)
    assert wrong <= 0.08 * studies
    assert inside >= 0.92 * studies * len(pairs)


def test_an_interval_widens_with_the_seeds_noise_and_the_level():
    drawn = np.linspace(0.4, 0.6, DRAWS)
    noise = mean_noise(grid([[0.4, 0.6], [0.5, 0.7]]))
    plain = interval(drawn, Noise(float("nan"), 0), 0.95)
    wide, wider = (interval(drawn, noise, level) for level in (0.95, 0.99))
    assert wider[0] < wide[0] < plain[0] and plain[1] < wide[1] < wider[1]
    assert plain == pytest.approx((0.405, 0.595))


def test_the_mean_of_shares_is_the_mean_of_grids():
    rng = np.random.default_rng(3)
    one, two = (answered(rng.random((2, 2, QUESTIONS)) < share) for share in (0.3, 0.8))
    both = mean_of([one, two])
    assert np.allclose(both.values, (one.values + two.values) / 2) and both.questions == 2 * QUESTIONS
    assert both.drawn.std() < max(one.drawn.std(), two.drawn.std())

"""Success rates and gains: Wilson's interval, three runs of MMStar, pass@k."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.gain import gain, leakage
from omma.metrics.metric import Mark, Marked
from omma.metrics.success import SuccessRate, pass_at, wilson


def run(scores):
    return [Marked(f"q{i}", "A", {}, Mark("A", float(score))) for i, score in enumerate(scores)]


def test_the_example_of_mmstar_gives_its_gain_and_leakage():
    """52.1, 22.7 and 20.3 of a thousand questions, as eval/README.md of MMStar-Benchmark/MMStar prints them: 29.4 and 2.4."""
    seen, blind, text = (run([i < right for i in range(1000)]) for right in (521, 227, 203))
    assert round(100 * gain(seen, blind).value, 1) == 29.4
    assert round(100 * leakage(blind, text).value, 1) == 2.4
    assert leakage(text, blind).value == 0.0
    assert not leakage(blind, text).higher_is_better


def test_runs_are_joined_by_question_and_drawn_in_pairs():
    seen, blind = run([1, 1, 0, 1] * 25), run([1, 0, 0, 1] * 25)
    found = gain(seen, blind)
    assert found.count == 100
    assert found.low < found.value == 0.25 < found.high
    shuffled = gain(random.Random(0).sample(seen, 100), random.Random(1).sample(blind, 100))
    assert (shuffled.value, shuffled.low, shuffled.high) == (found.value, found.low, found.high)
    apart = gain(run([1, 0] * 50), run([0, 1] * 50))
    together = gain(run([1, 0] * 50), run([1, 0] * 50))
    assert together.high == together.low == 0.0 < apart.high


@pytest.mark.parametrize(("one", "other"), [(run([1]), run([1, 0])), (run([1]) * 2, run([1]) * 2), (run([1]), [])])
def test_runs_over_other_questions_are_refused(one, other):
    with pytest.raises(DataError, match="each question once"):
        gain(one, other)


def test_nothing_to_compare_is_an_error():
    with pytest.raises(DataError, match="no answers to score"):
        leakage([], [])


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (15, 148, (0.0624, 0.1605)), (81, 263, (0.2553, 0.3662))],
)
def test_wilsons_interval_is_the_published_one(successes, trials, expected):
    """The last two rows: Newcombe 1998, table I, "score": 0.0624–0.1605 and 0.2553–0.3662."""
    assert wilson(successes, trials) == pytest.approx(expected, abs=5e-5)


@given(st.integers(0, 60), st.integers(0, 60))
def test_wilsons_interval_holds_the_rate_and_mirrors(successes, failures):
    trials = successes + failures
    low, high = wilson(successes, trials)
    assert 0 <= low <= (successes / trials if trials else 0.5) + 1e-12
    assert (successes / trials if trials else 0.5) - 1e-12 <= high <= 1
    other = wilson(failures, trials)
    assert (low, high) == pytest.approx((1 - other[1], 1 - other[0]))


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ValueError, match="5 successes in 4 trials"):
        wilson(5, 4)


def test_success_rate_has_both_intervals_and_counts_what_it_cannot_read():
    raws = ["true", "1", '{"success": true}', "false", "0", '{"success": null}', "yes", "2", "", "[" * 3000, "NaN"]
    rule = SuccessRate()
    drawn, score = rule.aggregate([Marked(str(i), None, {}, rule.judge(raw, None, {})) for i, raw in enumerate(raws)])
    assert drawn.value == score.value == 3 / 11
    assert drawn.unparsed == score.unparsed == 6
    assert (score.low, score.high) == wilson(3, 11)
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])


def test_pass_at_k_is_the_share_of_subsets_with_a_success():
    for successes, trials, k in [(0, 5, 2), (2, 5, 1), (2, 5, 3), (5, 5, 2), (1, 6, 6)]:
        draws = list(itertools.combinations([True] * successes + [False] * (trials - successes), k))
        assert pass_at(successes, trials, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    with pytest.raises(DataError, match="k = 7"):
        pass_at(1, 6, 7)

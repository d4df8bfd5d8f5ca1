"""Metric and the interval of sums: the contract that every ruler keeps."""

import math
import random

import numpy as np
import pytest

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.interval import bootstrap, of_sums
from omma.metrics.metric import Facts, Marked, Metric, grouped, mean, number


@config
class Letter(Metric):
    """A reply of one letter."""

    def extract(self, raw: str, facts: Facts) -> str | None:
        return raw.strip() if len(raw.strip()) == 1 else None

    def normalise(self, said: str, facts: Facts) -> str:
        return said.upper()

    def match(self, said: str, gold: str, facts: Facts) -> float:
        return float(said == gold)


def marked(replies: list[str], gold: str = "A") -> list[Marked]:
    metric = Letter()
    return [Marked(str(i), gold, {"half": i % 2}, metric.judge(raw, gold, {})) for i, raw in enumerate(replies)]


def test_an_unread_reply_is_wrong_counted_and_in_the_denominator():
    (found,) = Letter().aggregate(marked(["a", "B", "the first one", "A"]))
    assert (found.value, found.count, found.unparsed) == (0.5, 4, 1)
    assert found.low <= found.value <= found.high


def test_nothing_to_score_is_an_error_and_not_a_zero():
    with pytest.raises(DataError, match="no answers to score"):
        Letter().aggregate([])


def test_numbers_do_not_depend_on_the_order_of_the_replies():
    replies = marked(["a", "B", "A", "c", "", "A", "B"])
    shuffled = random.Random(3).sample(replies, len(replies))
    assert Letter().aggregate(replies) == Letter().aggregate(shuffled)


def test_a_ratio_of_sums_is_not_the_mean_of_ratios():
    ones = marked(["A", "A"])
    found = number("cIoU", ones, [(1, 1), (0, 9)], lambda sums: sums[..., 0] / sums[..., 1])
    assert found.value == 0.1
    assert (found.low, found.high) == (0.0, 1.0)


def test_groups_keep_the_order_of_first_sight():
    groups = grouped(marked(["A", "B", "C"]), "half")
    assert list(groups) == [(0,), (1,)]
    assert [one.id for one in groups[(0,)]] == ["0", "2"]


@pytest.mark.parametrize("count", [50, 6000])
def test_the_interval_of_sums_agrees_with_the_interval_of_a_mean(count: int):
    values = np.random.default_rng(0).random(count)
    found, low, high = of_sums(np.stack([values, np.ones(count)], 1), lambda sums: sums[..., 0] / sums[..., 1], "mean")
    expected = bootstrap(values, 0)
    assert math.isclose(found, values.mean(), rel_tol=1e-12)
    assert (low, high) == pytest.approx(expected, abs=0.2 * (expected[1] - expected[0]))


def test_resamples_without_a_value_are_left_out():
    found, low, high = of_sums([(0, 1), (1, 0)], lambda sums: sums[..., 0] / sums[..., 1], "odds")
    assert found == 1.0
    assert (low, high) == (0.0, 1.0)


def test_a_mean_bears_the_name_it_is_given():
    assert mean("ANLS", marked(["A"])).metric == "ANLS"

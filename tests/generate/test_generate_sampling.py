"""Sampling filters against cases worked by hand and against transformers' own processors."""

import math

import numpy as np
import pytest
import torch
from transformers.generation.logits_process import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from omma.core.errors import ConfigError
from omma.generate.choice import choose, filtered, keep_min_p, keep_top_k, keep_top_p
from omma.generate.sampling import Sampling, draws

# Probabilities 0.5, 0.25, 0.15, 0.1, given out of order.
LOGITS = torch.log(torch.tensor([[0.15, 0.5, 0.1, 0.25]], dtype=torch.float64))


def kept(logits_BV: torch.Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero().squeeze(1).tolist() for row in logits_BV]


@pytest.mark.parametrize(("top_k", "expected"), [(1, [1]), (2, [1, 3]), (3, [0, 1, 3])])
def test_top_k_keeps_the_likeliest(top_k, expected):
    assert kept(keep_top_k(LOGITS, top_k)) == [expected]


def test_top_k_keeps_ties():
    assert kept(keep_top_k(torch.tensor([[1.0, 2.0, 1.0, 0.0]]), 2)) == [[0, 1, 2]]


@pytest.mark.parametrize(("top_p", "expected"), [(0.01, [1]), (0.49, [1]), (0.51, [1, 3]), (0.76, [0, 1, 3]), (0.95, [0, 1, 2, 3])])
def test_top_p_keeps_the_fewest_that_reach_the_mass(top_p, expected):
    assert kept(keep_top_p(LOGITS, top_p)) == [expected]


@pytest.mark.parametrize(("min_p", "expected"), [(0.15, [0, 1, 2, 3]), (0.25, [0, 1, 3]), (0.4, [1, 3]), (1.0, [1])])
def test_min_p_is_a_ratio_to_the_likeliest(min_p, expected):
    assert kept(keep_min_p(LOGITS, min_p)) == [expected]


def test_filters_follow_one_another():
    # Top-k leaves 0.5, 0.25, 0.15, which are 0.556, 0.278, 0.167 of the rest; 0.55 of that mass is one token, of the whole two.
    assert kept(filtered(LOGITS, Sampling(temperature=1.0, top_k=3, top_p=0.55))) == [[1]]
    assert kept(filtered(LOGITS, Sampling(temperature=1.0, top_p=0.55))) == [[1, 3]]


def test_temperature_comes_before_the_filters():
    # At temperature 1/2 the probabilities are squared: 0.725, 0.181, 0.065, 0.029, so one token holds a mass of 0.7.
    assert kept(filtered(LOGITS, Sampling(temperature=0.5, top_p=0.7))) == [[1]]
    assert kept(filtered(LOGITS, Sampling(temperature=1.0, top_p=0.7))) == [[1, 3]]


@pytest.mark.parity
def test_filters_equal_those_of_transformers():
    torch.manual_seed(0)
    for trial in range(50):
        logits = torch.randn(4, 60, dtype=torch.float64) * 3
        k, p, m = int(torch.randint(1, 60, ())), float(torch.rand(())), float(torch.rand(())) ** 3
        theirs = logits / 0.7
        for warper in (TopKLogitsWarper(k), TopPLogitsWarper(p), MinPLogitsWarper(m)):
            theirs = warper(None, theirs)
        ours = filtered(logits, Sampling(temperature=0.7, top_k=k, top_p=p, min_p=m))
        assert torch.equal(ours, theirs), trial


def test_draw_inverts_the_distribution():
    sampling = Sampling(temperature=1.0)
    cases = [(0.0, 0), (0.149, 0), (0.151, 1), (0.649, 1), (0.651, 2), (0.749, 2), (0.751, 3), (1.0, 3)]
    for chance, expected in cases:
        assert choose(LOGITS, sampling, torch.tensor([chance])).tolist() == [expected], chance


def test_a_forbidden_token_is_never_drawn():
    logits = LOGITS.clone()
    logits[0, [0, 3]] = -math.inf
    drawn = {int(choose(logits, Sampling(temperature=1.0), torch.tensor([chance]))) for chance in np.linspace(0, 1, 999)}
    assert drawn == {1, 2}


def test_the_smallest_temperature_is_greedy():
    logits = torch.tensor([[100.0, 300.0, -50.0, 299.0]])
    for temperature in (1e-2, 1e-6):
        assert choose(logits, Sampling(temperature=temperature, top_p=0.9, min_p=0.1), torch.tensor([0.7])).tolist() == [1]


def test_greedy_takes_the_likeliest_whatever_the_filters():
    assert choose(LOGITS, Sampling(top_k=3, top_p=0.1), torch.tensor([0.9])).tolist() == [1]


def test_frequencies_follow_the_probabilities():
    sampling = Sampling(temperature=1.0, max_tokens=20_000, seed=3)
    chance = torch.from_numpy(draws(sampling, ["a"])[0])
    counts = torch.bincount(choose(LOGITS.expand(20_000, -1), sampling, chance), minlength=4) / 20_000
    assert torch.allclose(counts.double(), LOGITS.exp()[0], atol=0.01)  # 3 standard errors are 0.0106


def test_draws_depend_on_seed_and_row_id_alone():
    sampling = Sampling(temperature=1.0, max_tokens=5, seed=1)
    both = draws(sampling, ["a", "b"])
    assert np.array_equal(draws(sampling, ["b"]), both[1:])
    assert np.array_equal(draws(sampling, ["b", "x", "a"])[[2, 0]], both)
    assert not np.array_equal(both[0], both[1])
    assert not np.array_equal(draws(Sampling(temperature=1.0, max_tokens=5, seed=2), ["a", "b"]), both)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("temperature", -0.1, "0 (greedy)"),
        ("temperature", math.nan, "0 (greedy)"),
        ("temperature", math.inf, "0 (greedy)"),
        ("temperature", 1e-30, "from 1e-06 on"),
        ("top_p", 0.0, "above 0"),
        ("top_p", 1.5, "at most 1"),
        ("top_k", -1, "0 keeps every token"),
        ("min_p", 1.1, "from 0 to 1"),
        ("max_tokens", 0, "at least 1"),
        ("stop", ("",), "at least one character"),
    ],
)
def test_bad_values_are_refused_with_the_way_out(field, value, word):
    with pytest.raises(ConfigError, match=f"Sampling.{field}") as error:
        Sampling(**{field: value})
    assert word in str(error.value)

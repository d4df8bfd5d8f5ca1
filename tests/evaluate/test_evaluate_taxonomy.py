"""The taxonomy of abilities: every benchmark has its place, means are of kinds and of shares, models are compared on the same."""

import importlib

import pytest

from omma.cli.catalogue import catalogue
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions
from omma.evaluate.benchmarks.mme import MmeQuestions
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.benchmarks.pope import PopeQuestions
from omma.evaluate.published import Published
from omma.evaluate.taxonomy import GROUPS, OTHER, ability_means, group_of, main_verdicts, shared_benchmarks
from omma.metrics.text import Exact
from omma.schema.verdict import Verdict

SUITES = catalogue("Suite")


def verdict(benchmark, value, trivial=0.5, **more):
    return Verdict(benchmark, "accuracy", "all", value, 100, 0, value, value, trivial, **more)


def test_every_ability_of_the_catalogue_is_a_word_of_the_taxonomy_and_of_one_group():
    for name, listed in SUITES.items():
        for one in getattr(importlib.import_module(listed.module), name)().benchmarks:
            if isinstance(one, Published) and not isinstance(one, OwnRows):
                strange = [word for word in one.abilities if group_of(word) == OTHER]
                assert one.abilities and not strange, f"{one.name}: put {strange} into omma.evaluate.taxonomy.GROUPS"
    words = [word for known in GROUPS.values() for word in known]
    assert len(set(words)) == len(words)


def test_splits_of_one_kind_of_benchmark_weigh_as_one():
    suite = (PopeQuestions(name="pope"), PopeQuestions(name="pope_b"), DocVqaQuestions(name="docvqa"))
    means = ability_means([verdict("pope", 0.8), verdict("pope_b", 0.6), verdict("docvqa", 0.3, trivial=0.1)], suite)
    found = {mean.name: mean for mean in means.groups}
    assert found["faithfulness"].value == pytest.approx(0.7)
    assert found["faithfulness"].benchmarks == ("pope", "pope_b")
    assert (found["text and documents"].value, found["text and documents"].trivial) == (0.3, 0.1)


def test_points_losses_and_questions_of_one_s_own_stand_beside_the_means():
    suite = (PopeQuestions(name="pope"), MmeQuestions(name="mme"), OwnRows(name="own", path="own.jsonl", metrics=(Exact(),)))
    verdicts = [verdict("pope", 0.8), verdict("mme", 1500.0, unit="points"), verdict("own", 0.4), verdict("captions", 2.0)]
    means = ability_means(verdicts, suite)
    assert means.beside == ("mme", "own", "captions")
    assert [mean.name for mean in means.abilities] == ["hallucination"]


def test_a_trivial_guess_that_one_lacks_makes_no_mean():
    suite = (PopeQuestions(name="pope"), PopeQuestions(name="pope_b"))
    (mean, *_) = ability_means([verdict("pope", 0.8), verdict("pope_b", 0.6, trivial=None)], suite).groups
    assert mean.trivial is None


def test_models_are_compared_on_the_benchmarks_that_all_have():
    columns = {"a": [verdict("pope", 0.8), verdict("mme", 0.1)], "b": [verdict("pope", 0.7), verdict("docvqa", 0.9)]}
    assert {name: [v.benchmark for v in found] for name, found in shared_benchmarks(columns).items()} == {
        "a": ["pope"],
        "b": ["pope"],
    }


def test_the_main_number_is_the_first_of_its_benchmark():
    first, second = verdict("pope", 0.8), verdict("pope", 0.2, variant="lmms-eval")
    assert main_verdicts([first, second]) == {"pope": first}

"""Names of metrics: every whole ruler has one, and one that needs to be told something says so."""

import pytest

from omma.core.errors import ConfigError
from omma.evaluate.rulers import find_metric, metrics
from omma.metrics.anls import Anls

NEEDS = {"chair"}  # the words of its objects


def test_a_metric_is_found_by_its_name():
    assert find_metric("anls") == Anls()
    assert {"exact", "vqa", "token_f1", "pope", "mm_bench"} <= metrics().keys()
    assert not {"words", "metric"} & metrics().keys(), "what rulers share is none"


@pytest.mark.parametrize("name", sorted(set(metrics()) - NEEDS))
def test_every_metric_says_what_it_is_and_whose_rule_it_follows(name):
    metric = find_metric(name)
    assert type(metric).__doc__ and metric.label and metric.variant
    assert metric.source or metric.variant == "omma"


def test_unknown_names_are_told_the_nearest_and_needy_ones_what_they_need():
    with pytest.raises(ConfigError, match="no metric 'anl'; did you mean 'anls'"):
        find_metric("anl")
    with pytest.raises(ConfigError, match="chair: needs synonyms"):
        find_metric("chair")

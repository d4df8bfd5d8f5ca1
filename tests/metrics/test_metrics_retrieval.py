"""Retrieval: recall both ways with its ties, and MMEB's rankings; formulas are checked against plain re-statements of ours."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.metric import Marked
from omma.metrics.retrieval.classes import Classified, rank_of_class
from omma.metrics.retrieval.mmeb import DATASETS, GROUPS, Mmeb, StrictMmeb
from omma.metrics.retrieval.ranking import (
    Ranking,
    average_precision_at,
    exponential_ndcg_at,
    f1_at,
    hit_at,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank_at,
    relevances,
    trec_order,
)
from omma.metrics.retrieval.recall import (
    WAYS,
    BothWays,
    PessimisticBothWays,
    PessimisticRetrieval,
    Retrieval,
    rank_of_right,
    worst_rank_of_right,
)
from omma.metrics.retrieval.recall import recall_at as share_at

HOSTILE = (
    "",
    "null",
    "NaN",
    "[NaN]",
    "[1e999]",
    "[true]",
    "{}",
    "[]",
    '{"a": "b"}',
    '{"a": 1e39}',
    '[["a"]]',
    "[" * 3000,
    "\ud800",
)


def marked(rule, raws, golds, facts):
    return [
        Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold) in enumerate(zip(raws, golds, strict=True))
    ]


def test_a_picture_counts_the_best_of_its_captions():
    assert rank_of_right(np.array([0.1, 0.9, 0.8, 0.7]), [0, 2]) == 1
    assert worst_rank_of_right(np.array([0.1, 0.9, 0.8, 0.7]), [0, 2]) == 1


def test_ties_go_to_the_later_candidate_officially_and_against_the_model_pessimistically():
    scores = np.array([0.5, 0.5, 0.5])
    assert [rank_of_right(scores, [at]) for at in range(3)] == [2, 1, 0]  # numpy.argsort turned round, as BLIP ranks
    assert [worst_rank_of_right(scores, [at]) for at in range(3)] == [2, 2, 2]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=12), st.data())
def test_the_pessimistic_rank_is_never_better(scores, data):
    right = data.draw(st.lists(st.integers(0, len(scores) - 1), min_size=1, max_size=3, unique=True))
    official, worst = rank_of_right(np.array(scores), right), worst_rank_of_right(np.array(scores), right)
    inverted = np.argsort(np.array(scores), kind="stable")[::-1].tolist()
    assert official == min(inverted.index(at) for at in right)
    assert official <= worst
    if len(set(scores)) == len(scores):
        assert official == worst


def test_recall_at_one_five_and_ten_by_hand():
    """Ours: 12 candidates, the right one at ranks 1, 3, 8 and 12, and one reply of the wrong length."""
    raws = []
    for rank in (0, 2, 7, 11):
        scores = [float(-at) for at in range(12)]
        scores[rank], scores[0] = scores[0], scores[rank]
        raws.append(json.dumps([scores[at] for at in range(12)]))
    golds = [0, 0, 0, 0, [0, 3]]
    rows = marked(Retrieval(), [*raws, "[1, 2]"], golds, {"candidates": 12})
    numbers = Retrieval().aggregate(rows)
    assert [(number.metric, number.value) for number in numbers[:3]] == [("R@1", 1 / 5), ("R@5", 2 / 5), ("R@10", 3 / 5)]
    assert numbers[3].value == pytest.approx(2 / 5)
    assert numbers[0].unparsed == 1
    assert numbers == Retrieval().aggregate(rows[::-1])
    assert share_at([0, 2, 7], 5) == 2 / 3
    assert math.isnan(share_at([], 1))


def test_a_constant_similarity_finds_nothing_pessimistically():
    rows = marked(PessimisticRetrieval(), [json.dumps([0.5] * 20)], [[3, 4]], {"candidates": 20})
    assert PessimisticRetrieval().aggregate(rows)[2].value == 0.0


def test_rankings_by_hand():
    """Ours: relevant are b (2) and d (1); found in the order a, b, c, d."""
    found, relevant = ["a", "b", "c", "d"], {"b": 2.0, "d": 1.0}
    assert [hit_at(found, relevant, k) for k in (1, 2)] == [0.0, 1.0]
    assert precision_at(found, relevant, 4) == 1 / 2
    assert recall_at(found, relevant, 2) == 1 / 2
    assert f1_at(found, relevant, 2) == 1 / 2
    assert average_precision_at(found, relevant, 4) == (1 / 2 + 2 / 4) / 2
    assert average_precision_at(found, relevant, 1) == 0.0
    assert reciprocal_rank_at(found, relevant, 4) == 1 / 2
    best = 2 + 1 / math.log2(3)
    assert ndcg_at(found, relevant, 4) == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / best)
    best = 3 + 1 / math.log2(3)
    assert exponential_ndcg_at(found, relevant, 4) == pytest.approx((3 / math.log2(3) + 1 / math.log2(5)) / best)


@given(st.permutations("abcdef"), st.sets(st.sampled_from("abcdefgh")), st.integers(1, 8))
def test_rankings_keep_their_bounds_and_a_perfect_order_is_one(order, relevant, k):
    golds = relevances(sorted(relevant))
    for rule in (hit_at, precision_at, recall_at, f1_at, average_precision_at, reciprocal_rank_at, ndcg_at, exponential_ndcg_at):
        assert 0 <= rule(order, golds, k) <= 1 + 1e-12
    perfect = sorted(relevant) + sorted(set("abcdefgh") - relevant)
    if relevant:
        assert ndcg_at(perfect, golds, k) == pytest.approx(1.0)
        assert average_precision_at(perfect, golds, k) == pytest.approx(1.0)
        assert reciprocal_rank_at(perfect, golds, k) == 1.0


def test_equal_scores_are_ordered_as_trec_eval_orders_them():
    assert trec_order({"d1": 0.5, "d10": 0.5, "d2": 0.5, "best": 0.9}) == ["best", "d2", "d10", "d1"]
    assert trec_order({"a": 1.0 + 1e-12, "b": 1.0}) == ["b", "a"]  # equal as 32-bit floats


def test_a_reply_is_an_order_or_scores_and_gold_a_name_names_or_relevances():
    rule = Ranking()
    assert rule.judge('{"a": 0.1, "b": 0.7}', "b", {}).score == 1.0
    assert rule.judge('["a", "b"]', ["b"], {}).score == 0.0
    assert rule.judge('["b", "a"]', {"b": 3.0}, {}).score == 1.0
    numbers = {number.metric: number.value for number in rule.aggregate(marked(rule, ['["a", "b"]', "?"], ["b", "b"], {}))}
    assert (numbers["hit@1"], numbers["hit@5"], numbers["MRR@5"], numbers["precision@5"]) == (0.0, 0.5, 0.25, 0.1)


RULERS = (
    Retrieval(),
    PessimisticRetrieval(),
    BothWays(),
    PessimisticBothWays(),
    Ranking(),
    Classified(),
    Mmeb(),
    StrictMmeb(),
)


@pytest.mark.parametrize("rule", RULERS, ids=lambda rule: type(rule).__name__)
def test_whatever_a_model_says_is_counted(rule):
    golds = [0 if not isinstance(rule, Ranking) else "a"] * len(HOSTILE)
    rows = marked(rule, HOSTILE, golds, {"candidates": 2, "way": WAYS[0], "dataset": "CIRR"})
    numbers = rule.aggregate(rows)
    assert all(number.value == 0 and number.unparsed == len(HOSTILE) for number in numbers)
    assert numbers == rule.aggregate(random.Random(0).sample(rows, len(rows)))
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])


def test_both_ways_means_each_way_first_however_many_captions_there_are():
    """One picture of two is found; of four captions one: R@1 is 1/2 and 1/4, and not 2/6."""
    raws = ["[0.9, 0.1, 0.2, 0.3]", "[0.9, 0.1, 0.2, 0.3]", *["[0.9, 0.1]"] * 4]
    golds = [[0, 1], [2, 3], 0, 1, 1, 1]
    facts = [{"candidates": 4, "way": WAYS[0]}] * 2 + [{"candidates": 2, "way": WAYS[1]}] * 4
    rule = BothWays()
    rows = [
        Marked(str(i), gold, fact, rule.judge(raw, gold, fact))
        for i, (raw, gold, fact) in enumerate(zip(raws, golds, facts, strict=True))
    ]
    found = {number.metric: (number.value, number.count) for number in rule.aggregate(rows)}
    assert found["R@1 image to text"] == (1 / 2, 2)
    assert found["R@1 text to image"] == (1 / 4, 4)
    assert found["mean recall"] == (pytest.approx((1 / 2 + 1 + 1 + 1 / 4 + 1 + 1) / 6), 6)
    alone = {number.metric: number.value for number in rule.aggregate(rows[:2])}
    assert alone["mean recall"] == pytest.approx((1 / 2 + 1 + 1) / 3)


def test_top_one_top_five_and_the_mean_over_classes_by_hand():
    raws = ["[6, 1, 2, 3, 4, 5]", "[6, 1, 2, 3, 4, 5]", "[6, 1, 2, 3, 4, 5]", "[0, 9, 0, 0, 0, 0]"]
    rows = marked(Classified(), raws, [0, 1, 0, 1], {"candidates": 6})
    found = {number.metric: number.value for number in Classified().aggregate(rows)}
    assert found == {"top-1": 3 / 4, "top-5": 3 / 4, "mean per class": (1 + 1 / 2) / 2}
    rows = marked(Classified(), raws[:3], [0, 0, 1], {"candidates": 6})
    assert [n.value for n in Classified().aggregate(rows)] == [pytest.approx(2 / 3), pytest.approx(2 / 3), 1 / 2]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.data())
def test_the_first_class_of_the_highest_is_numpys_argmax(scores, data):
    right = data.draw(st.integers(0, len(scores) - 1))
    assert (rank_of_class(scores, right) == 0) == (int(np.argmax(scores)) == right)
    order = np.argsort(-np.array(scores), kind="stable")
    assert rank_of_class(scores, right) == int(np.flatnonzero(order == right)[0])


def test_mmeb_has_thirty_six_data_sets_in_four_tasks_and_two_halves():
    """Table 1 of arXiv 2410.05160: 10 + 10 + 12 + 4, of which 20 in and 16 out of distribution."""
    assert len(DATASETS) == len(set(DATASETS)) == 36
    assert [len(GROUPS[name]) for name in ("classification", "VQA", "retrieval", "grounding")] == [10, 10, 12, 4]
    assert [len(GROUPS[name]) for name in ("in-distribution", "out-of-distribution")] == [20, 16]


def test_mmeb_means_over_data_sets_and_not_over_queries():
    names = ["CIRR", "CIRR", "CIRR", "GQA", "mine"]
    raws = ["[0.9, 0.1]", "[0.1, 0.9]", "[0.5, 0.5]", "[0.4, 0.2]", "[0.1, 0.2]"]
    rows = [Marked(str(i), None, {}, Mmeb().judge(raw, None, {})) for i, raw in enumerate(raws)]
    rows = [Marked(one.id, None, {"dataset": name}, one.mark) for one, name in zip(rows, names, strict=True)]
    found = {number.metric: number.value for number in Mmeb().aggregate(rows)}
    assert found["precision@1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert (found["precision@1 retrieval"], found["precision@1 VQA"]) == (pytest.approx(2 / 3), 1.0)
    assert (found["precision@1 in-distribution"], found["precision@1 out-of-distribution"]) == (pytest.approx(2 / 3), 1.0)
    assert StrictMmeb().judge(raws[2], None, {}).score == 0.0 < Mmeb().judge(raws[2], None, {}).score

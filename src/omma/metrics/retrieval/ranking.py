"""Ranking: candidates in the order a model found them + which are relevant → hit, precision, recall, F1, MAP, MRR, NDCG at k.

TIGER-AI-Lab/VLM2Vec, `src/utils/eval_utils/metrics.py` at 7aae439 (MMEB): relevant candidates count once, MAP@k divides by
the smaller of k and their number, NDCG has linear and exponential gain.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import as_number, parse

Ranked = Sequence[str]
Relevance = Mapping[str, float]  # relevant candidates and how relevant they are
DEPTHS = (1, 5, 10)


def hits_at(ranked: Ranked, relevant: Relevance, k: int) -> int:
    """How many different relevant candidates are among the first k."""
    return len(set(ranked[:k]) & set(relevant))


def precision_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """Share of the first k places that hold a relevant candidate."""
    return hits_at(ranked, relevant, k) / k


def recall_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """Share of the relevant candidates that are among the first k; 0 if none is relevant."""
    return hits_at(ranked, relevant, k) / len(relevant) if relevant else 0.0


def hit_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """1.0 if a relevant candidate is among the first k."""
    return float(hits_at(ranked, relevant, k) > 0)


def f1_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """Harmonic mean of precision and recall at k; 0 if both are."""
    precision, recall = precision_at(ranked, relevant, k), recall_at(ranked, relevant, k)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def average_precision_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """Mean precision at the places of the relevant candidates among the first k, over min(number relevant, k)."""
    places = [at for at, candidate in enumerate(ranked[:k], 1) if candidate in relevant]
    return sum(found / at for found, at in enumerate(places, 1)) / min(len(relevant), k) if places else 0.0


def reciprocal_rank_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """1 over the place of the first relevant candidate among the first k; 0 if there is none."""
    return next((1 / at for at, candidate in enumerate(ranked[:k], 1) if candidate in relevant), 0.0)


def ndcg_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """Discounted gain of the first k over that of the best order; the gain is the relevance."""
    return _ndcg(ranked, relevant, k, lambda relevance: relevance)


def exponential_ndcg_at(ranked: Ranked, relevant: Relevance, k: int) -> float:
    """The same where the gain is 2 to the power of the relevance, less 1."""
    return _ndcg(ranked, relevant, k, lambda relevance: 2**relevance - 1)


def trec_order(scores: Mapping[str, float]) -> list[str]:
    """Candidates with scores → the order of trec_eval: by score as a 32-bit float, of equals the name that sorts last first."""
    return sorted(scores, key=lambda name: (float(np.float32(scores[name])), name.encode()), reverse=True)


def _ndcg(ranked: Ranked, relevant: Relevance, k: int, gain: Callable[[float], float]) -> float:
    best = _discounted([gain(relevance) for relevance in sorted(relevant.values(), reverse=True)[:k]])
    return _discounted([gain(relevant.get(candidate, 0.0)) for candidate in ranked[:k]]) / best if best > 0 else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(at + 2) for at, gain in enumerate(gains))


RULES: dict[str, Callable[[Ranked, Relevance, int], float]] = {
    "hit": hit_at,
    "precision": precision_at,
    "recall": recall_at,
    "F1": f1_at,
    "MAP": average_precision_at,
    "MRR": reciprocal_rank_at,
    "NDCG": ndcg_at,
    "NDCG (exponential)": exponential_ndcg_at,
}


@config
class Ranking(Metric):
    """Every rule at 1, 5 and 10, hit@1 first (the Precision@1 of MMEB's first version).

    A reply is JSON: the names of the candidates in the order found, or an object of names and scores. Gold is the name of
    the relevant candidate, a list of names, or an object of names and relevances. No facts are read.
    """

    label = "hit@1"
    source = "TIGER-AI-Lab/VLM2Vec src/utils/eval_utils/metrics.py"
    ties = "an order has none; of equal scores the name that sorts last comes first, as in trec_eval"

    def extract(self, raw: str, facts: Facts) -> list[str] | None:
        said = parse(raw)
        if isinstance(said, dict) and said:
            scores = {name: score for name, value in said.items() if (score := as_number(value)) is not None and abs(score) < 3e38}
            return trec_order(scores) if len(scores) == len(said) else None
        return said if isinstance(said, list) and said and all(isinstance(name, str) for name in said) else None

    def match(self, said: list[str], gold: Any, facts: Facts) -> Mark:
        relevant = relevances(gold)
        values = tuple(rule(said, relevant, k) for rule in RULES.values() for k in DEPTHS)
        return Mark(said, values[0], {"values": values})

    def unread(self, gold: Any, facts: Facts) -> Mark:
        return Mark(None, 0.0, {"values": (0.0,) * (len(RULES) * len(DEPTHS))})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [(*one.mark.details["values"], 1.0) for one in marked]
        labels = [f"{name}@{k}" for name in RULES for k in DEPTHS]
        return tuple(
            number(label, marked, terms, lambda sums, at=at: sums[..., at] / sums[..., -1]) for at, label in enumerate(labels)
        )


def relevances(gold: str | Sequence[str] | Relevance) -> dict[str, float]:
    """Gold as stored → relevance of each relevant candidate; a name alone has 1."""
    if isinstance(gold, Mapping):
        return dict(gold)
    return dict.fromkeys([gold] if isinstance(gold, str) else gold, 1.0)

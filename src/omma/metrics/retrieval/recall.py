"""Recall@k: similarities of a query and all candidates → whether a right one is among the k highest. Both ways of retrieval.

A query has one right candidate (text → picture) or several, of which the best counts (picture → text: any of its
captions), as in salesforce/BLIP `train_retrieval.py: itm_eval` and LAION-AI/CLIP_benchmark
`clip_benchmark/metrics/zeroshot_retrieval.py` ("recall > 0").
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import as_numbers, parse

DEPTHS = (1, 5, 10)
WAYS = ("image to text", "text to image")


def rank_of_right(scores: Float[np.ndarray, " C"], right: Iterable[int]) -> int:
    """Similarities of all candidates + places of the right ones → rank of the best right one, 0 for the first.

    Of equal similarities the later candidate comes first: BLIP's `argsort` turned round. (Its sort leaves equals as they
    are for up to 16 candidates and in no certain order beyond; CLIP_benchmark's `topk` promises none at all.)
    """
    values = np.asarray(scores, float)
    return min(int((values > values[at]).sum() + (values[at + 1 :] == values[at]).sum()) for at in right)


def worst_rank_of_right(scores: Float[np.ndarray, " C"], right: Iterable[int]) -> int:
    """The same where every wrong candidate that is as similar comes before the right one."""
    scores, places = np.asarray(scores, float), list(right)
    others = np.delete(scores, places)
    return int((others >= scores[places].max()).sum())


def recall_at(ranks: Int[np.ndarray, " Q"] | Sequence[int], k: int) -> float:
    """Ranks of the best right candidates → share of the queries with one among the first k. No queries: NaN."""
    ranks = np.asarray(ranks)
    return float((ranks < k).mean()) if len(ranks) else float("nan")


@config
class Retrieval(Metric):
    """R@1, R@5 and R@10, then their mean. A reply is JSON: the similarity of the query with every candidate, in order.

    Gold is the place of the right candidate, or a list of places. Fact: "candidates", how many there are; a reply with
    another number is unparsed. Each way of retrieval is a benchmark of its own.
    """

    label = "R@1"
    source = "salesforce/BLIP train_retrieval.py"
    ties = "of equal similarities the later candidate comes first, as in BLIP where its sort is stable"

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        said = as_numbers(parse(raw))
        return said if said and len(said) == facts["candidates"] else None

    def match(self, said: list[float], gold: int | Sequence[int], facts: Facts) -> Mark:
        rank = self.rank(said, [gold] if isinstance(gold, int) else list(gold))
        return Mark(rank, float(rank < 1), {"rank": rank})

    def rank(self, scores: list[float], right: list[int]) -> int:
        """Similarities + places of the right candidates → rank of the best of them."""
        return rank_of_right(np.asarray(scores), right)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [(*_found(one), 1.0) for one in marked]
        numbers = [
            number(f"R@{k}", marked, terms, lambda sums, at=at: sums[..., at] / sums[..., -1]) for at, k in enumerate(DEPTHS)
        ]
        whole = number("mean recall", marked, terms, lambda sums: sums[..., :-1].mean(axis=-1) / sums[..., -1])
        return *numbers, whole


@config
class PessimisticRetrieval(Retrieval):
    """The same where the right candidate loses every tie, so that a constant similarity finds nothing."""

    variant = "pessimistic"
    ties = "wrong: the right candidate comes last of its equals"

    def rank(self, scores: list[float], right: list[int]) -> int:
        return worst_rank_of_right(np.asarray(scores), right)


@config
class BothWays(Retrieval):
    """The mean of all recalls, image to text and text to image, then each of them. Fact: "way", one of these two.

    Queries with a fact "fold" are compared with their own fold alone, and counted together.
    """

    label = "mean recall"

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        ways = {way: rows for way in WAYS if (rows := [one for one in marked if one.facts["way"] == way])}
        terms = [[float(one.facts["way"] == way) * part for way in ways for part in (*_found(one), 1.0)] for one in marked]
        width = len(DEPTHS) + 1
        shares = [slice(at * width, at * width + len(DEPTHS)) for at in range(len(ways))]
        whole = number(
            self.label,
            marked,
            terms,
            lambda sums: np.mean([(sums[..., one] / sums[..., one.stop, None]).mean(axis=-1) for one in shares], axis=0),
        )
        each = [
            number(f"R@{k} {way}", rows, [(*_found(one), 1.0) for one in rows], lambda sums, at=at: sums[..., at] / sums[..., -1])
            for way, rows in ways.items()
            for at, k in enumerate(DEPTHS)
        ]
        return whole, *each


@config
class PessimisticBothWays(BothWays):
    """The same where the right candidate loses every tie."""

    variant = "pessimistic"
    ties = "wrong: the right candidate comes last of its equals"

    def rank(self, scores: list[float], right: list[int]) -> int:
        return worst_rank_of_right(np.asarray(scores), right)


def _found(one: Marked) -> tuple[float, ...]:
    """A marked query → for each depth whether a right candidate is there."""
    return tuple(float(one.mark.details.get("rank", np.inf) < k) for k in DEPTHS)

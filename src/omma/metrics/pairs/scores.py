"""Scores: one picture and several captions → which caption the model's scores prefer. What the pair benchmarks share."""

from omma.core.config import config
from omma.metrics.metric import Facts, Metric
from omma.metrics.structured import as_numbers, parse


@config
class ScoredCaptions(Metric):
    """A reply is JSON: a list of the captions' scores, in the benchmark's order, any finite numbers.

    `num_captions` is how many there are; a list of another length is unparsed.
    """

    num_captions = 2

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        scores = as_numbers(parse(raw))
        return scores if scores and len(scores) == self.num_captions else None

"""Matched: benchmarks whose questions are things to be placed in a space, each alone; scores say which of them lie near.

A record keeps one vector. What is compared with what is worked out from the records, so that a picture that five
thousand captions are compared with is embedded once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
from jaxtyping import Float

from omma.core.config import config
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.embedded import Embedded
from omma.evaluate.published import UNANSWERED, Published
from omma.metrics.metric import Mark, Marked, Metric
from omma.metrics.structured import as_numbers, parse
from omma.schema.verdict import Record

ROWS = 256  # queries that are compared at a time


@dataclass(frozen=True, slots=True)
class Contest:
    """A query (its place among the records), the places of its candidates, and which of these are right.

    Contests that follow each other with one and the same `candidates` are worked out together.
    """

    query: int
    candidates: tuple[int, ...]
    right: tuple[int, ...]


@config
class Matched(Published):
    """Subclasses say in `contests` what is compared. A metric gets an array: the cosines of a query with its candidates.

    A query without a vector, or none of whose right candidates has one, is unparsed; other candidates without one come last.
    """

    asking: Asking = Embedded()

    def contests(self, records: Sequence[Record]) -> Iterator[Contest]:
        """Records → what is compared with what."""
        raise NotImplementedError(f"{type(self).__name__} compares nothing yet")

    def marked(self, metric: Metric, records: Sequence[Record]) -> list[Marked]:
        """Metric + all records → a mark for each query."""
        units = directions(records)
        unread = np.isnan(units[:, 0])
        found = []
        for candidates, run in groupby(self.contests(records), lambda contest: contest.candidates):
            there = units[list(candidates)]
            while rows := list(islice(run, ROWS)):
                cosines = np.nan_to_num(units[[row.query for row in rows]] @ there.T, nan=-np.inf)
                for row, near in zip(rows, cosines, strict=True):
                    lost = unread[row.query] or all(unread[row.candidates[place]] for place in row.right)
                    scores = None if lost else near
                    found.append(self._mark(metric, records[row.query], row, scores))
        return found

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """A vector says nothing without the others."""
        return ()

    def _mark(self, metric: Metric, record: Record, contest: Contest, cosines: Float[np.ndarray, " C"] | None) -> Marked:
        facts = self.facts(record) | {"candidates": len(contest.candidates)}
        right = list(contest.right)
        if cosines is None:
            return Marked(record.sample_id, right, facts, metric.unread(right, facts))
        found = metric.match(cosines, right, facts)
        mark = found if isinstance(found, Mark) else Mark(int(np.argmax(cosines)), found)
        return Marked(record.sample_id, right, facts, mark)


def directions(records: Sequence[Record]) -> Float[np.ndarray, "R D"]:
    """Records → their vectors at length 1 (zeros stay zeros), NaN where none can be read or its width is not that of most."""
    found = [_vector(record) for record in records]
    widths = Counter(len(one) for one in found if one is not None)
    width = max(widths, key=lambda one: (widths[one], one), default=1)
    units = np.full((len(found), width), np.nan)
    for at, one in enumerate(found):
        if one is not None and len(one) == width:
            units[at] = one
    norms = np.linalg.norm(units, axis=1, keepdims=True)
    return np.divide(units, norms, out=units.copy(), where=norms > 0)


def _vector(record: Record) -> list[float] | None:
    return None if record.details.get("finish") in UNANSWERED else as_numbers(parse(record.raw))

"""GQA's distribution: how far the answers a model gives differ from the right ones, group by group of questions (chi-square)."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.metric import Facts, Mark, Marked, Number
from omma.metrics.text import Words


@config
class GqaDistribution(Words):
    """Chi-square of answers given against answers right in each group, weighted by its size, / 100; 0 is the same. Lower is better.

    Reads the fact `group` ("global" of the question's groups); questions without one are left out, and where none has one
    there is no number. Answers that are right nowhere in the group add nothing. It has no interval.
    """

    label: ClassVar[str] = "distribution"
    source: ClassVar[str] = "GQA evaluation script of its page (eval.zip, eval.py), chiSquare and distribution"

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """Reply → itself: only all replies together have a score."""
        return Mark(said, math.nan)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """The one number, if any question has a group. DataError if there are no replies at all."""
        if not marked:
            raise DataError(self.label, "no answers to score", "at least one", "ask the questions first")
        groups: dict[str, list[Marked]] = {}
        for one in marked:
            if one.facts.get("group"):
                groups.setdefault(str(one.facts["group"]), []).append(one)
        if not groups:
            return ()
        counted = [one for group in groups.values() for one in group]
        value = sum(_chi_square(group) * len(group) for group in groups.values()) / len(counted) / 100
        unparsed = sum(not one.mark.parsed for one in counted)
        return (Number(self.label, value, len(counted), unparsed, math.nan, math.nan, higher_is_better=False, unit="points"),)


def _chi_square(group: Sequence[Marked]) -> float:
    """Replies of one group → sum over its right answers of (times given − times right)² / times right."""
    right, given = Counter(str(one.gold) for one in group), Counter(one.mark.said for one in group)
    return sum((given[answer] - count) ** 2 / count for answer, count in right.items())

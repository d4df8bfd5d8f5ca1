"""Choice: a reply to a question with lettered options → the letter it takes, right if it is the gold letter.

The letters are A, B, C, … in the order of the options. Each benchmark has a file of its own that says how a reply is
read; what they share is here.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Marked, Metric, Number, mean, number

LETTERS = string.ascii_uppercase


def lettered(choices: Sequence[Any]) -> dict[str, str]:
    """Texts of the options in order → letter: text, at most 26 of them."""
    return dict(zip(LETTERS, map(str, choices), strict=False))


@config
class Choice(Metric):
    """A reply that takes one of lettered options. `gold` is the letter; facts: `choices`, the options' texts in order."""

    ties = "a reply that takes several options is read as its rule says; two readings are never both right"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Letter + gold letter → 1.0 if they are the same."""
        return float(said == gold)


def shares(label: str, marked: Sequence[Marked], group: Callable[[Marked], Any]) -> list[Number]:
    """Marked replies + what they belong to → the mean score of each group, called "label/group", in sorted order.

    Replies whose group is None are in no number.
    """
    groups: dict[str, list[Marked]] = {}
    for one in marked:
        if (name := group(one)) is not None:
            groups.setdefault(str(name), []).append(one)
    return [mean(f"{label}/{name}", groups[name]) for name in sorted(groups)]


def macro(label: str, marked: Sequence[Marked], group: Callable[[Marked], Any]) -> Number:
    """Marked replies + what they belong to → the mean over groups of the mean score in each."""
    names = {name: place for place, name in enumerate(sorted({str(group(one)) for one in marked}))}
    terms = np.zeros((len(marked), 2 * len(names)))
    for row, one in zip(terms, marked, strict=True):
        place = names[str(group(one))]
        row[place], row[len(names) + place] = one.mark.score, 1.0
    return number(label, marked, terms, mean_of_ratios)


def units(label: str, marked: Sequence[Marked], groups: Mapping[Any, Sequence[Marked]]) -> Number:
    """Groups of replies that are right only together → share of the groups in which every reply is right."""
    whole = [(float(all(one.mark.score == 1.0 for one in group)), 1.0) for group in groups.values()]
    return number(label, marked, whole, ratio)


def ratio(sums: np.ndarray) -> np.ndarray:
    """Sums (…, 2) → the first by the second."""
    return sums[..., 0] / sums[..., 1]


def mean_of_ratios(sums: np.ndarray) -> np.ndarray:
    """Sums (…, 2·G): G sums of scores, then G counts → mean of score by count over the groups that were drawn."""
    scores, counts = np.split(np.asarray(sums, float), 2, axis=-1)
    there = counts > 0
    return np.where(there, scores / np.where(there, counts, 1.0), 0.0).sum(axis=-1) / there.sum(axis=-1)

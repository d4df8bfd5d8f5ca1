"""Counting: a reply with a number → exact accuracy, mean absolute error and root mean square error."""

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number

NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty"""
WORDS = re.findall(r"\w+", NUMBERS)
COUNT = re.compile(rf"(?<![\w.,-])(\d{{1,3}}(?:,\d{{3}}){{1,4}}|\d{{1,15}}|{'|'.join(WORDS)})(?![\w]|[.,]\d)", re.IGNORECASE)


def read_count(text: str) -> int | None:
    """Text → the first whole number in it, in digits (`1,204` too) or as a word to twenty; None without one.

    Numbers with decimals, a minus or letters on them are not read.
    """
    found = COUNT.search(text)
    if found is None:
        return None
    word = found[1].lower()
    return WORDS.index(word) if word in WORDS else int(word.replace(",", ""))


@config
class Counting(Metric):
    """Accuracy, MAE and RMSE. The gold is a number. An unread reply is wrong, and in the errors it stands as 0: nothing was
    counted. So models that decline cannot lower their error.
    """

    source: ClassVar[str] = "cvlab-stonybrook/LearningToCountEverything test.py (MAE, RMSE); manoja328/tallyqa (accuracy)"

    def extract(self, raw: str, facts: Facts) -> int | None:
        return read_count(raw)

    def match(self, said: int, gold: float, facts: Facts) -> Mark:
        return Mark(said, float(said == float(gold)), {"error": abs(said - float(gold))})

    def unread(self, gold: float, facts: Facts) -> Mark:
        return Mark(None, 0.0, {"error": abs(float(gold))})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        errors = [float(one.mark.details["error"]) for one in marked]
        rows = [(one.mark.score, error, error**2, 1) for one, error in zip(marked, errors, strict=True)]
        return (
            number(self.label, marked, rows, lambda sums: sums[..., 0] / sums[..., 3]),
            number("MAE", marked, rows, lambda sums: sums[..., 1] / sums[..., 3], higher_is_better=False, unit="points"),
            number("RMSE", marked, rows, lambda sums: np.sqrt(sums[..., 2] / sums[..., 3]), higher_is_better=False, unit="points"),
        )

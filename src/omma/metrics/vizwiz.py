"""VizWiz: a reply to a blind person's question + ten answers → soft accuracy, and how well "unanswerable" was found."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Number, mean, number
from omma.metrics.vqa import Vqa, soft_accuracy, vqa_normalise
from omma.metrics.yesno import OUTCOMES, Sums, f1, outcome, ratio

UNANSWERABLE = "unanswerable"


@config
class VizWiz(Vqa):
    """VizWiz-VQA. `gold`: ten people's answers; reads the fact `answerable` (1 or 0) where every question has it.

    The reply is always normalised as in VQA v2; people's answers are compared as stored. A reply whose normal form is
    "unanswerable" says that its question is so, any other that it is not; F1 and average precision are of finding those.
    (The server takes a probability; a reply in words is a probability of 0 or 1.)
    """

    source: ClassVar[str] = "VizWiz-VQA evaluation as in TRI-ML/vlm-evaluation vlm_eval/util/evaluation/vizwiz/eval.py at 7292fd6"
    ties: ClassVar[str] = "replies with the same probability of being unanswerable enter average precision together"

    def compared(self, said: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Reply + people's answers → the reply in normal form, the answers as they are."""
        return vqa_normalise(said), golds

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """Reply + people's answers → soft accuracy; whether it says "unanswerable" in the details."""
        said, golds = self.compared(said, self.people(gold))
        return Mark(said, soft_accuracy(said, golds), {UNANSWERABLE: said == UNANSWERABLE})

    def unread(self, gold: Any, facts: Facts) -> Mark:
        """No reply at all is wrong and does not say "unanswerable"."""
        return Mark(None, 0.0, {UNANSWERABLE: False})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Accuracy; where all questions are known to be answerable or not, F1 and average precision of "unanswerable"."""
        accuracy = mean(self.label, marked)
        if not all("answerable" in one.facts for one in marked):
            return (accuracy,)
        found = [outcome(one.mark.details[UNANSWERABLE], int(one.facts["answerable"]) == 0) for one in marked]
        terms = [[float(one == name) for name in OUTCOMES] for one in found]
        return (
            accuracy,
            number("unanswerable F1", marked, terms, f1),
            number("unanswerable AP", marked, terms, average_precision),
        )


def average_precision(sums: Sums) -> Sums:
    """Sums of outcomes (…, 4) → average precision of a ranking with two ranks, yes above no; 0 without positives."""
    hits, false, _, missed = np.moveaxis(sums, -1, 0)
    positives = hits + missed
    recall = ratio(hits, positives)
    everything = ratio(positives, sums.sum(axis=-1))
    return np.where(positives > 0, recall * ratio(hits, hits + false) + (1 - recall) * everything, 0.0)

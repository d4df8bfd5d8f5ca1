"""Relaxed accuracy: a reply + the right answer → 1 within 5% of a number, by equal words otherwise (ChartQA, section 5.1)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Marked, Number, mean, number
from omma.metrics.text import Words, accepted
from omma.metrics.yesno import Sums

TOLERANCE = 0.05
HUMAN, AUGMENTED = "human", "augmented"


def relaxed(answer: str, gold: str) -> float:
    """Answer + right answer → 1.0 if both are numbers and differ by at most 5% of the right one, or are equal without case.

    A number is what Python's `float` reads ("1e3", "1_000" and " 5 " are, "1,000" and "$5" are not); "%" behind it divides
    by 100, so "5%" is not "5". Where the right answer is zero or "nan", words are compared or nothing is near.
    """
    said, right = _number(answer), _number(gold)
    if said is None or not right:
        return float(answer.lower() == gold.lower())
    return float(abs(said - right) / abs(right) <= TOLERANCE)


@config
class RelaxedAccuracy(Words):
    """Relaxed accuracy of pix2struct, the best of the accepted answers. `gold`: an answer or a list; no facts are read."""

    label: ClassVar[str] = "relaxed accuracy"
    source: ClassVar[str] = "google-research/pix2struct pix2struct/metrics.py relaxed_correctness at 945f27e"
    ties: ClassVar[str] = "a difference of exactly 5% is right, as far as floating point has it exact"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → 0.0 or 1.0."""
        return max((relaxed(said, text) for text in set(accepted(gold))), default=0.0)


@config
class ChartQa(RelaxedAccuracy):
    """ChartQA. Reads the fact `split`, "human" or "augmented" (words that hold those are fine, such as "human_test").

    The main number is the mean of both sets' accuracies, followed by each and by that of all questions. Where only one
    set, or no `split`, is there, it is the accuracy of what is there.
    """

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Mean of the sets, human, augmented, overall."""
        human, augmented = self.sets(marked)
        overall = mean(self.label, marked)
        if not human or not augmented:
            return (overall,)
        terms = [[one.mark.score, 1.0, 0.0, 0.0] for one in human] + [[0.0, 0.0, one.mark.score, 1.0] for one in augmented]
        parts = (mean(f"{self.label} {HUMAN}", human), mean(f"{self.label} {AUGMENTED}", augmented))
        return number(self.label, marked, terms, _mean_of_two), *parts, mean(f"{self.label} overall", marked)

    def sets(self, marked: Sequence[Marked]) -> tuple[list[Marked], list[Marked]]:
        """Marked replies → those of people's questions, those of generated ones."""
        named = [(str(one.facts.get("split", "")), one) for one in marked]
        return [one for name, one in named if HUMAN in name], [one for name, one in named if AUGMENTED in name]


@config
class LmmsEvalChartQa(ChartQa):
    """ChartQA in lmms-eval: replies are stripped, all questions come first, and what is not "human_test" is augmented."""

    label: ClassVar[str] = "relaxed_overall"
    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/chartqa/utils.py at 75571cf"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → stripped."""
        return said.strip()

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Overall, then the sets that are there."""
        human, augmented = self.sets(marked)
        named = ((self.label, marked), ("relaxed_human_split", human), ("relaxed_augmented_split", augmented))
        return tuple(mean(label, part) for label, part in named if part or part is marked)

    def sets(self, marked: Sequence[Marked]) -> tuple[list[Marked], list[Marked]]:
        """Marked replies → those whose `split` is "human_test", all others."""
        human = [one.facts.get("split") == "human_test" for one in marked]
        return (
            [one for one, is_human in zip(marked, human, strict=True) if is_human],
            [one for one, is_human in zip(marked, human, strict=True) if not is_human],
        )


@config
class VlmEvalKitChartQa(ChartQa):
    """ChartQA in VLMEvalKit: replies are stripped, all questions come first, then each `split` by its name."""

    label: ClassVar[str] = "Overall"
    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/vqa_eval.py, vlmeval/dataset/image_vqa.py at e8e78f0"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → stripped."""
        return said.strip()

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Overall, then each split in order of its name."""
        names = sorted({str(one.facts["split"]) for one in marked if "split" in one.facts})
        parts = [mean(name, [one for one in marked if one.facts.get("split") == name]) for name in names]
        return mean(self.label, marked), *parts


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _mean_of_two(sums: Sums) -> Sums:
    return np.asarray((sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3]) / 2)

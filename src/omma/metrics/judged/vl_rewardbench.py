"""VL-RewardBench: a model's verdicts on pairs of answers → how often it prefers the better one, by majority of k verdicts."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.choice.choice import mean_of_ratios, ratio
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number

GROUPS = {
    "vlfeedback": "general",
    "wildvision-battle": "general",
    "povid": "hallucination",
    "rlhf-v": "hallucination",
    "rlaif-v": "hallucination",
    "reasoning_tasks": "reasoning",
}
OPENING = re.compile(r"Overall Judgment|Therefore", re.IGNORECASE)
VERDICT = re.compile(r"Answer\s*(\d+)\s*is\s*(?:the\s*)?(?:slightly\s*)?better", re.IGNORECASE)
AGREE, REJECT = "agree", "reject"


def preferred(judgment: str) -> int | None:
    """Judgment → the number of the answer that it calls better, or None.

    New lines and asterisks are removed. It is the last "Answer N is (the) (slightly) better" behind the first "Overall
    Judgment" or "Therefore".
    """
    text = judgment.replace("\n", "").replace("*", "")
    opening = OPENING.search(text)
    found = list(VERDICT.finditer(text, opening.end())) if opening else []
    digits = found[-1][1] if found else ""
    return int(digits) if 0 < len(digits) < 10 else None


def rejected(ranking: Sequence[int], swapped: int) -> int:
    """Ranks of the two responses (0 is better) + whether they were shown in turned order (1) → the worse one's number.

    DataError if the ranks are not 0 and 1.
    """
    if sorted(ranking) != [0, 1]:
        raise DataError("human_ranking", f"the ranks {list(ranking)}", "0 for the better response and 1 for the worse")
    return list(ranking).index(0 if swapped else 1) + 1


@config
class VlRewardBench(Metric):
    """Overall accuracy, the mean of the three groups', each group's, and the overall one with every item in it.

    `gold`: the ranks of the two responses as stored, [0, 1] where the first is better. Facts: `item` (what the verdicts of
    one pair share), `draw` (0, 1, … within the item), `random_number` (1: shown in turned order), `dataset` (or `group`).
    The first `k` verdicts of an item count. Officially an item with any unreadable verdict is left out, and so is one
    without a strict majority; the last number counts both as wrong. A verdict for an answer that does not exist agrees,
    as in the script. Which verdicts are the first k follows `draw`; the script shuffles the file with a seed.
    """

    label = "overall accuracy"
    source = "vl-rewardbench/VL_RewardBench cal.py (9b10abd)"
    ties = "an item with as many verdicts for as against has no majority"
    k: int = 1

    def extract(self, raw: str, facts: Facts) -> int | None:
        """Judgment → number of the answer called better, or None."""
        return preferred(raw)

    def match(self, said: int, gold: Any, facts: Facts) -> Mark:
        """Number + ranks → its mark: right unless it is the rejected answer's."""
        agrees = said != rejected(gold, int(facts["random_number"]))
        return Mark(said, float(agrees), {"status": AGREE if agrees else REJECT})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked verdicts in any order → the numbers. DataError if there are none."""
        items: dict[str, list[Marked]] = {}
        for one in sorted(marked, key=lambda one: (int(one.facts["draw"]), one.id)):
            items.setdefault(str(one.facts["item"]), []).append(one)
        decided = [(_group(item[0]), _decision(item[: self.k])) for item in items.values()]
        names = sorted({group for group, _ in decided})
        terms = np.zeros((len(decided), 2 * len(names)))
        for row, (group, decision) in zip(terms, decided, strict=True):
            place = names.index(group)
            row[place], row[len(names) + place] = decision == AGREE, decision in (AGREE, REJECT)
        half = len(names)
        return (
            number(self.label, marked, np.stack([terms[:, :half].sum(1), terms[:, half:].sum(1)], 1), ratio),
            number("macro accuracy", marked, terms, mean_of_ratios),
            *(number(f"accuracy/{name}", marked, terms[:, [place, half + place]], ratio) for place, name in enumerate(names)),
            number("accuracy of all items", marked, [(decision == AGREE, 1) for _, decision in decided], ratio),
        )


def _group(one: Marked) -> str:
    dataset = str(one.facts.get("dataset", ""))
    return str(one.facts.get("group") or GROUPS.get(dataset, dataset))


def _decision(verdicts: Sequence[Marked]) -> str:
    """Verdicts on one item → agree or reject by strict majority; "" without one and where any cannot be read."""
    if not all(one.mark.parsed for one in verdicts):
        return ""
    agree = sum(one.mark.details["status"] == AGREE for one in verdicts)
    return AGREE if 2 * agree > len(verdicts) else REJECT if 2 * agree < len(verdicts) else ""

"""HallusionBench: replies about figures, with and without them → accuracy per question, per figure and per pair of questions."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, grouped, number
from omma.metrics.yesno import Sums, truth, words_say

CORRECT, INCORRECT, UNCLEAR = "correct", "incorrect", "unclear"
CODES = {"0": INCORRECT, "1": CORRECT, "2": UNCLEAR}
EDITED = "2"
AACC, FACC, QACC, EASY, HARD = "aAcc", "fAcc", "qAcc", "easy aAcc", "hard aAcc"


@config
class HallusionBench(Metric):
    """HallusionBench by recorded verdicts of a judge; no judge is asked. The reply itself is not read.

    Reads the facts `judge` (the judge's words, or its code 0, 1, 2), `category` (VD or VS), `subcategory`, `set_id`,
    `figure_id`, `question_id` and, where it is there, `visual_input` (0: none, 1: a figure, 2: one that was edited); `gold`
    is not needed. "incorrect" in the words is wrong, else "correct" right, else
    unclear: wrong and unparsed, but right where no figure was shown (VS, figure 0). Without a verdict a reply is wrong and
    unparsed.

    Numbers: aAcc of all questions; fAcc, figures with all questions right (without VS, figure 0: no figure); qAcc,
    questions right with all their figures; the same without the edited figures (easy) and with those alone (hard), where
    `visual_input` tells them apart.
    What is drawn for intervals is a set of figures, and `count` counts sets.
    """

    label: ClassVar[str] = AACC
    source: ClassVar[str] = "tianyi-lab/HallusionBench evaluation.py, utils.py at 744007c"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Recorded verdict → "correct", "incorrect", or None if it is unclear or there is none."""
        words = str(facts.get("judge", UNCLEAR)).strip().lower()
        found = CODES.get(words) or (INCORRECT if INCORRECT in words else CORRECT if CORRECT in words else UNCLEAR)
        return None if found == UNCLEAR else found

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Verdict → 0.0 or 1.0."""
        return float(said == CORRECT)

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Recorded verdict → mark; unclear about a figure that was not shown is right."""
        mark = super().judge(raw, gold, facts)
        return Mark(None, 1.0) if "judge" in facts and not mark.parsed and _unseen(facts) else mark

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """aAcc, fAcc, qAcc, easy, hard; a number that nothing belongs to is left out."""
        return shares(marked, (AACC, FACC, QACC, EASY, HARD), self.units)

    def units(self, label: str, replies: Sequence[Marked]) -> Iterable[Sequence[Marked]]:
        """Name of a number + replies of one set → the groups that are right if all in them are."""
        if label == AACC:
            return [[one] for one in replies]
        if label == FACC:
            return grouped(self.with_figure(replies), "figure_id").values()
        told = [one for one in replies if label == QACC or "visual_input" in one.facts]
        kept = [one for one in told if label == QACC or _edited(one.facts) == (label == HARD)]
        return grouped(kept, "question_id").values()

    def with_figure(self, replies: Sequence[Marked]) -> list[Marked]:
        """Replies of one set → those that fAcc is about."""
        return [one for one in replies if not _unseen(one.facts)]


@config
class VlmEvalKitHallusion(HallusionBench):
    """HallusionBench in VLMEvalKit, without a judge: one of the words yes and no in the reply, and not the other.

    `gold`: yes or no (or 1 or 0). It does not ask the questions without a figure (951 of 1,129 are left), so that they are
    in no number here. The main number is the mean of the three.
    """

    label: ClassVar[str] = "Overall Acc"
    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = (
        "open-compass/VLMEvalKit vlmeval/dataset/utils/yorn.py Hallusion_rating, image_base.py skip_noimg at e8e78f0"
    )

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → "yes", "no" or None."""
        yes = words_say(raw)
        return None if yes is None else "yes" if yes else "no"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """What was read + what is right → 0.0 or 1.0."""
        return float((said == "yes") == truth(gold, "HallusionBench"))

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → mark; a reply that says neither or both is wrong everywhere."""
        return Metric.judge(self, raw, gold, facts)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Mean of the three, aAcc, fAcc, qAcc; nothing where no question has a figure. DataError if there are no replies."""
        three, shown = (AACC, FACC, QACC), self.with_figure(marked)
        if marked and not shown:
            return ()
        terms = _terms(shown, three, self.units)
        main = number(self.label, shown, terms, lambda sums: sum(_share(i)(sums) for i in range(3)) / 3)
        return main, *shares(shown, three, self.units)


Units = Callable[[str, Sequence[Marked]], Iterable[Sequence[Marked]]]


def shares(marked: Sequence[Marked], labels: Sequence[str], units: Units) -> tuple[Number, ...]:
    """Marked replies + names + which groups each is about → the share of groups that are right throughout."""
    terms = _terms(marked, labels, units)
    kept = [(i, label) for i, label in enumerate(labels) if not terms or any(row[2 * i + 1] for row in terms)]
    return tuple(number(label, marked, terms, _share(i)) for i, label in kept)


def _terms(marked: Sequence[Marked], labels: Sequence[str], units: Units) -> list[list[float]]:
    sets = grouped(marked, "category", "subcategory", "set_id")
    return [[value for label in labels for value in _counted(units(label, replies))] for replies in sets.values()]


def _counted(groups: Iterable[Sequence[Marked]]) -> tuple[float, float]:
    right = [all(one.mark.score == 1.0 for one in group) for group in groups]
    return float(sum(right)), float(len(right))


def _share(place: int) -> Callable[[Sums], Sums]:
    return lambda sums: sums[..., 2 * place] / sums[..., 2 * place + 1]


def _edited(facts: Facts) -> bool:
    return str(facts["visual_input"]) == EDITED


def _unseen(facts: Facts) -> bool:
    return facts["category"] == "VS" and str(facts["figure_id"]) == "0"

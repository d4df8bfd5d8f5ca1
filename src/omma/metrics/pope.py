"""POPE: replies to "Is there a … in the image?" → accuracy, precision, recall, F1 and how often yes was said."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, mean, number
from omma.metrics.yesno import OUTCOMES, Sums, f1, outcome, pope_says, precision, ratio, recall, truth, words_say


@config
class Pope(Metric):
    """POPE. `gold`: yes or no. Reads the fact `category` (random, popular, adversarial) where there are several.

    The main number is the mean of the splits' F1, as LLaVA's paper reports it, then each split's F1, accuracy, precision,
    recall and yes ratio as POPE's script prints them. A reply in which the script reads neither word is a yes to it: it is
    scored so, and counted as unparsed.
    """

    label: ClassVar[str] = "F1"
    source: ClassVar[str] = "AoiDragon/POPE evaluate.py at 08d957b, haotian-liu/LLaVA llava/eval/eval_pope.py"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → "yes", "no" or None."""
        return _word(pope_says(raw))

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """What was read + what is right → 0.0 or 1.0, and the outcome."""
        return _mark(said, said == "yes", truth(gold, self.label))

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → mark; a reply with neither word is an unparsed yes."""
        said = self.extract(raw, facts)
        return self.match(said, gold, facts) if said is not None else _mark(None, True, truth(gold, self.label))

    def unread(self, gold: Any, facts: Facts) -> Mark:
        """No reply at all is the wrong one of yes and no."""
        right = truth(gold, self.label)
        return _mark(None, not right, right)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Mean F1 of the splits, then each split's five numbers; only the five where there is one split or none."""
        names = sorted({str(one.facts.get("category", "")) for one in marked})
        if len(names) < 2:
            return five(marked, "")
        parts = {name: [one for one in marked if str(one.facts.get("category", "")) == name] for name in names}
        rows = [[_row(one) if other == name else [0.0] * 4 for other in names] for name in names for one in parts[name]]
        terms = np.reshape(np.asarray(rows), (len(rows), -1))
        main = number(self.label, [one for name in names for one in parts[name]], terms, _mean_f1(len(names)))
        return main, *(value for name, part in parts.items() for value in five(part, f"{name} "))


@config
class LmmsEvalPope(Pope):
    """POPE in lmms-eval: only a reply that is exactly "yes" or "no" (any case, stripped) is read, and all splits are one.

    A missed yes that is not a "no" is left out of recall. `pope_yes_ratio` is the share of yes among the *right* answers,
    whatever the model said.
    """

    label: ClassVar[str] = "pope_accuracy"
    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/pope/utils.py at 75571cf"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → "yes", "no" or None."""
        said = raw.strip().lower()
        return said if said in ("yes", "no") else None

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → mark; nothing but the bare word is read."""
        return Metric.judge(self, raw, gold, facts)

    def unread(self, gold: Any, facts: Facts) -> Mark:
        """Anything else is wrong, and no outcome."""
        return Mark(None, 0.0, {"outcome": ""})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Accuracy, precision, recall, F1 and the yes ratio of the right answers, of all replies together."""
        terms = [_row(one) for one in marked]
        parts = (("pope_precision", precision), ("pope_recall", recall), ("pope_f1_score", f1))
        golds = [[float(truth(one.gold, self.label)), 1.0] for one in marked]
        return (
            mean(self.label, marked),
            *(number(name, marked, terms, value) for name, value in parts),
            number("pope_yes_ratio", marked, golds, lambda sums: sums[..., 0] / sums[..., 1]),
        )


@config
class VlmEvalKitPope(Pope):
    """POPE in VLMEvalKit: one of the words yes and no, and not the other; F1 is of all splits together, not their mean.

    Reads the fact `category`, splits with commas between them: a question counts once in each of its splits. A reply that
    cannot be read is wrong for accuracy and a no for F1, precision and recall.
    """

    label: ClassVar[str] = "Overall F1"
    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/yorn.py POPE_rating at e8e78f0"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → "yes", "no" or None."""
        return _word(words_say(raw))

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → mark."""
        return Metric.judge(self, raw, gold, facts)

    def unread(self, gold: Any, facts: Facts) -> Mark:
        """Wrong, and a no among the outcomes."""
        return Mark(None, 0.0, {"outcome": outcome(False, truth(gold, self.label))})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """F1, accuracy, precision and recall of all, then of each split. A question in several splits is drawn as one."""
        splits = [[name for name in str(one.facts.get("category", "")).split(",") if name] for one in marked]
        names = sorted({name for found in splits for name in found})
        weights = [max(1, len(found)) for found in splits]
        numbers = _four("Overall", marked, weights)
        for name in names:
            part = [one for one, found in zip(marked, splits, strict=True) if name in found]
            numbers += _four(name, part, [1] * len(part))
        return tuple(numbers)


def five(marked: Sequence[Marked], prefix: str) -> tuple[Number, ...]:
    """Marked replies of one split → F1, accuracy, precision, recall, yes ratio, their names behind `prefix`."""
    terms = [_row(one) for one in marked]
    named: tuple[tuple[str, Callable[[Sums], Sums]], ...] = (
        ("F1", f1),
        ("accuracy", lambda sums: (sums[..., 0] + sums[..., 2]) / sums.sum(axis=-1)),
        ("precision", precision),
        ("recall", recall),
        ("yes ratio", lambda sums: (sums[..., 0] + sums[..., 1]) / sums.sum(axis=-1)),
    )
    return tuple(number(prefix + name, marked, terms, value) for name, value in named)


def _four(name: str, marked: Sequence[Marked], weights: Sequence[int]) -> list[Number]:
    terms = [[weight * value for value in (*_row(one), one.mark.score, 1.0)] for one, weight in zip(marked, weights, strict=True)]
    named: tuple[tuple[str, Callable[[Sums], Sums]], ...] = (
        ("F1", f1),
        ("accuracy", lambda sums: ratio(sums[..., 4], sums[..., 5])),
        ("precision", precision),
        ("recall", recall),
    )
    return [number(f"{name} {label}", marked, terms, value) for label, value in named]


def _word(yes: bool | None) -> str | None:
    return None if yes is None else "yes" if yes else "no"


def _mark(said: str | None, yes: bool, right: bool) -> Mark:
    return Mark(said, float(yes == right), {"outcome": outcome(yes, right)})


def _row(one: Marked) -> list[float]:
    return [float(one.mark.details["outcome"] == name) for name in OUTCOMES]


def _mean_f1(count: int) -> Callable[[Sums], Sums]:
    return lambda sums: np.mean([f1(sums[..., 4 * i : 4 * i + 4]) for i in range(count)], axis=0)

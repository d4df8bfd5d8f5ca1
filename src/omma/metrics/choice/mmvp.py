"""MMVP: replies about two pictures that CLIP takes for one → right only if both are; accuracy of single replies beside it."""

import re
from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import Choice, lettered, units
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.metric import Facts, Marked, Number, mean

VERDICT = re.compile(r"(yes|no)", re.IGNORECASE)
READINGS = (
    re.compile(r"\s*\(?([AB])\)?\.?\s*\Z", re.IGNORECASE),
    re.compile(r"\s*\(?([AB])\)?[.\s]", re.IGNORECASE),
)
PHRASES = (
    re.compile(r"answer\s+is\s+\(?([AB])\)?", re.IGNORECASE),
    re.compile(r"option\s+\(?([AB])\)?", re.IGNORECASE),
    re.compile(r"\(?([AB])\)?(?:\s|$)", re.IGNORECASE),
)


@config
class Mmvp(Choice):
    """Pair accuracy with recorded verdicts of a judge, which is how the official script marks.

    Facts: `index` (from 1; 1 and 2 are a pair, 3 and 4, …) and `judge`, the judge's answer to "is it correct?", recorded.
    Only "yes" and "no" in either case are verdicts; without one the reply is unparsed. Pairs that lack a reply have no
    number; the accuracy of single replies counts them.
    """

    label = "pair accuracy"
    source = "tsb0601/MMVP scripts/gpt_grader.py"
    ties = "none are possible"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Recorded verdict → "yes" or "no", or None."""
        verdict = str(facts.get("judge", ""))
        return verdict.lower() if VERDICT.fullmatch(verdict) else None

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Verdict → 1.0 for yes."""
        return float(said == "yes")

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies in any order → pair accuracy, if any pair is whole, and accuracy. DataError if there are none."""
        pairs: dict[int, list[Marked]] = {}
        for one in marked:
            pairs.setdefault((int(one.facts["index"]) - 1) // 2, []).append(one)
        whole = {place: pair for place, pair in pairs.items() if len(pair) == 2}
        return *([units(self.label, marked, whole)] if whole else []), mean("accuracy", marked)


@config
class LmmsEvalMmvp(Mmvp):
    """lmms-eval's: the letter A or B by five patterns, the first that fits. Facts: `index`. `gold` is "(a)" or "A"."""

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mmvp/utils.py"
    ties = "the first letter that the first fitting pattern finds"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → A or B, or None."""
        return either_letter(raw)

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Letter + gold letter, brackets and case aside → 1.0 if they are the same."""
        return float(said == str(gold).strip().strip("()").upper())


@config
class VlmEvalKitMmvp(LmmsEvalMmvp):
    """VLMEvalKit's, without its judge. Facts: `index`, `choices`."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/multiple_choice.py (report_acc_MMVP)"
    ties = "two options named: unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, Z for a refusal, or None."""
        return infer(raw, lettered(facts["choices"]))


def either_letter(reply: str) -> str | None:
    """Reply → A or B: all of it, its start, behind "answer is" or "option", at the end of any word, or its first character."""
    text = reply.strip()
    tries = (*(pattern.match(text) for pattern in READINGS), *(pattern.search(text) for pattern in PHRASES))
    found = next((one for one in tries if one), None)
    if found:
        return found[1].upper()
    return text[0].upper() if text[:1].upper() in ("A", "B") else None

"""BLINK: a reply → option letter, by the official script without its language model, and by lmms-eval's rule."""

import re
from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import LETTERS, Choice, macro
from omma.metrics.metric import Facts, Marked, Number, mean

BRACKETED = re.compile(r"\([A-E]\)")
OPENING = re.compile(r"[\(\s]*([A-Z])", re.IGNORECASE)


@config
class Blink(Choice):
    """The mean of the tasks' accuracies, which is the script's total, then accuracy over all questions.

    Facts: `choices`, `sub_task` (absent: all are of one task). `gold` is "(A)" or "A".

    The script hands to a language model what `option_word` cannot read; what that answered is the fact `extraction` or a
    judge's verdict, `judge`, and counts where it is an option in brackets and nothing else. Without it the reply is unparsed.
    With the makers' own answers and extractions GPT-4 Turbo, GPT-4V and GPT-4o score 54.61, 51.14 and 60.04 (published 54.6,
    51.1 and 60.0).
    """

    label = "mean accuracy of tasks"
    source = "zeyofu/BLINK_Benchmark eval/test_benchmark.py (analyze_answer), eval/evaluate.py"
    ties = "two options as words: unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → letter, or None."""
        said = option_word(raw, len(facts["choices"]))
        extraction = str(facts.get("extraction", facts.get("judge", "")))
        return extraction[1] if said is None and BRACKETED.fullmatch(extraction) else said

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Letter + gold letter, brackets aside → 1.0 if they are the same."""
        return float(said == str(gold).strip("()"))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → mean over tasks, and over all. DataError if there are none."""
        return macro(self.label, marked, lambda one: one.facts.get("sub_task", "")), mean("accuracy", marked)


def option_word(reply: str, count: int) -> str | None:
    """Reply → the letter it is, else the only "(A)" among the words of its last paragraph, else among all; or None.

    A word ends at white space, so that "(A)." is none.
    """
    if reply in LETTERS[:5] and len(reply) == 1:
        return reply
    if BRACKETED.fullmatch(reply):
        return reply[1]
    named = [
        [letter for letter in LETTERS[:count] if f"({letter})" in text.split()] for text in (reply.rpartition("\n\n")[2], reply)
    ]
    return next((found[0] for found in named if len(found) == 1), None)


@config
class LmmsEvalBlink(Choice):
    """The first letter of the reply, brackets and white space before it aside, whatever follows ("The answer is B" is T).

    `gold` may be "(A)" or "A". A letter that is no option is parsed and wrong. `VlmEvalKitChoice` is VLMEvalKit's.
    """

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/blink/utils.py"
    ties = "none are possible: one place is read"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → letter in upper case, or None."""
        found = OPENING.match(raw.strip())
        return found[1].upper() if found else None

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Letter + gold letter, brackets aside → 1.0 if they are the same."""
        return float(said == str(gold).strip("()"))

"""BLINK: a reply → option letter. The official script reads with a language model; this is lmms-eval's rule."""

import re
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import Choice
from omma.metrics.metric import Facts

OPENING = re.compile(r"[\(\s]*([A-Z])", re.IGNORECASE)


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

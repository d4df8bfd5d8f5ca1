"""AI2D: a reply → option letter. There is no official scorer; this is lmms-eval's, and `VlmEvalKitChoice` is VLMEvalKit's."""

import re
import string

from omma.core.config import config
from omma.metrics.choice.choice import LETTERS, Choice
from omma.metrics.metric import Facts

OPENING = re.compile(r"\s*([A-Z])\.")
NO_MARKS = str.maketrans("", "", string.punctuation)


@config
class LmmsEvalAi2d(Choice):
    """The capital before a period at the start; else the whole reply, without ASCII marks and in either case.

    Facts: `choices`. White space around a reply is not forgiven where it stands alone. Scores with the letters drawn in
    the picture ("no mask") and without are of two benchmarks.
    """

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/ai2d/{ai2d.yaml,utils.py}, lmms_eval/api/metrics.py (exact_match)"
    ties = "none are possible: one place is read"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        opening = OPENING.match(raw)
        letter = opening[1] if opening else raw.translate(NO_MARKS).upper()
        return letter if len(letter) == 1 and letter in LETTERS[: len(facts["choices"])] else None

"""SEED-Bench: likelihoods of the options as JSON → the likeliest; and the generative harness's first letter."""

import math

from omma.core.config import config
from omma.metrics.choice.choice import LETTERS, Choice
from omma.metrics.metric import Facts
from omma.metrics.structured import parse


@config
class SeedBench(Choice):
    """Accuracy of ranking. `raw` is a JSON list with one log-likelihood per option; the greatest is the answer.

    The official script ranks by the mean loss per token of the option's text. Facts: `choices`. A list of another length,
    anything that is no number, and NaN make the reply unparsed.
    """

    source = "AILab-CVC/SEED-Bench eval.py (run_inference)"
    ties = "of equal likelihoods the first option counts, as argsort leaves them: a constant scorer takes A"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """JSON list of numbers → letter of the greatest, or None."""
        scores = read_scores(raw)
        if scores is None or not 0 < len(scores) == len(facts["choices"]) <= len(LETTERS):
            return None
        return LETTERS[scores.index(max(scores))]


@config
class LmmsEvalSeedBench(Choice):
    """lmms-eval's generation: the first character of the reply in either case, whatever follows ("Apple" is A)."""

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/seedbench/utils.py"
    ties = "none are possible: one character is read"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None where no letter of the options comes first."""
        letter = raw.strip()[:1].upper()
        return letter if letter and letter in LETTERS[: len(facts["choices"])] else None


def read_scores(raw: str) -> list[float] | None:
    """JSON list of log-likelihoods → floats, or None if it is anything else or holds NaN. What cannot be said has -Infinity."""
    found = parse(raw)
    if not isinstance(found, list) or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in found):
        return None
    try:
        scores = [float(one) for one in found]
    except OverflowError:
        return None
    return None if any(map(math.isnan, scores)) else scores

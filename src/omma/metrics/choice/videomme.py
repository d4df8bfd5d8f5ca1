"""Video-MME: a reply → option letter; accuracy over the replies that can be read (officially), and over all of them."""

import re
from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.choice.choice import Choice, lettered, ratio, shares
from omma.metrics.choice.lmms_eval import trusted_letter
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.metric import Facts, Marked, Number, mean, number

PREFIXES = ("The best answer is", "The correct answer is", "The answer is", "The answer")
GLUED = ("The best option isThe correct option is", "Best answer:Best option:")  # two missing commas in the script
LATER = ("Answer:", "Option:")
LAST = ("The correct answer", "The correct option")
OPTION = re.compile(r"[ABCD]")


def first_option(reply: str, prefixes: Sequence[str]) -> str | None:
    """Reply, phrases in `prefixes` removed → the first of the characters A, B, C, D wherever it stands, or None.

    So "Best option: C" is B where that phrase is not removed, and "A dog" is A.
    """
    text = reply.strip()
    for prefix in prefixes:
        text = text.replace(prefix, "")
    found = OPTION.search(text)
    return found[0] if found else None


@config
class VideoMme(Choice):
    """Accuracy over the replies that can be read, as the official script has it, then "accuracy" with all of them, by duration too.

    Facts: `duration` ("short", "medium", "long"). The script leaves what it cannot read out of the denominator, so that a
    model gains by saying nothing; the second number is the one to compare models by. `count` is that of all replies in both.
    """

    label = "accuracy of answered"
    source = "thanku-all/parse_answer eval_your_results.py (afd52cf)"
    ties = "of several option letters the first counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        return first_option(raw, (*PREFIXES, *GLUED, *LATER, *LAST))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → over answered ones (none without any), over all, by duration. DataError if there are none."""
        answered = [(one.mark.score, float(one.mark.parsed)) for one in marked]
        found = [number(self.label, marked, answered, ratio)] if any(there for _, there in answered) else []
        return (*found, *_over_all(marked))


@config
class LmmsEvalVideoMme(VideoMme):
    """lmms-eval's: the letter in the most trusted form; every question is in the denominator."""

    label = "accuracy"
    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/videomme/utils.py"
    ties = "of letters in equally trusted forms the last counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        return trusted_letter(raw, "ABCD")

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → accuracy, then by duration. DataError if there are none."""
        return _over_all(marked)


@config
class VlmEvalKitVideoMme(LmmsEvalVideoMme):
    """VLMEvalKit's, without its judge: the official reading with two more phrases, else `infer`. Facts: `choices` too."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/videomme.py, vlmeval/dataset/utils/videomme.py"
    ties = "of several option letters the first counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, Z for a refusal, or None."""
        return first_option(raw, (*PREFIXES, *GLUED, *LATER)) or infer(raw, lettered(facts["choices"]))


def _over_all(marked: Sequence[Marked]) -> tuple[Number, ...]:
    return mean("accuracy", marked), *shares("accuracy", marked, lambda one: one.facts.get("duration"))

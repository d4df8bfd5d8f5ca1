"""MVBench: a reply → right if its first word is the gold option, by the rule of VideoChat2 and by two harnesses'."""

import re
from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import Choice, lettered, ratio
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.metric import Facts, Mark, Marked, Number, mean, number

BARE = "()"
OPTION = re.compile(r"([A-E])\.\s*(.+)\Z", re.IGNORECASE)
LETTER = re.compile(r"\b([A-E])\b", re.IGNORECASE)
MARKS = ';/[]"{}()=+\\_-><@`,?!'
DIGIT_COMMA = re.compile(r"\d,\d")
PERIOD = re.compile(r"\.(?!\d)")  # the rule's look-behind is mistyped and never refuses
PERIODS_REMOVED = 32  # in the rule a flag passed as the count


@config
class MvBench(Choice):
    """Accuracy; the script's mean over tasks is the mean of this over the twenty subsets.

    No facts. The first word, periods removed, is a part of "(a)", or "(a)" is a part of it: "A", "(A", "(A)" and "(A)x" are
    all the gold option A. By that rule an empty reply, "." and a lone bracket would be right too, being a part of every
    option: they say nothing, and are unparsed and wrong here.
    """

    source = "OpenGVLab/Ask-Anything video_chat2/mvbench.ipynb (check_ans)"
    ties = "only the first word is read; what fits every option is unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → its first word in lower case, or None where that fits every option."""
        word = raw.lower().strip().split(" ")[0]
        return None if word.replace(".", "") in ("", *BARE) else word

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """First word + gold letter → whether either is a part of the other."""
        option = f"({str(gold).lower()})"
        return float(said.replace(".", "") in option or option in said)


@config
class VlmEvalKitMvBench(MvBench):
    """VLMEvalKit's, without its judge: the same, or the option that `infer` finds. Facts: `choices`."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/mvbench.py (check_ans_with_model)"

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + gold letter → its mark: right by the first word or by what is inferred from all of it."""
        word, letter = self.extract(raw, facts), infer(raw, lettered(facts["choices"]))
        right = (word is not None and self.match(word, gold, facts) == 1.0) or letter == gold
        said = word if letter is None else letter
        return self.unread(gold, facts) if said is None else Mark(said, float(right))


@config
class LmmsEvalMvBench(Choice):
    """lmms-eval's: "a. text" is A, else the first letter A to E that is a word of the plain reply, articles included.

    No facts. Empty replies leave its denominator; "accuracy of all" beside it counts them.
    """

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mvbench/utils.py"
    ties = "of several letters the first counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → letter, or None."""
        text = raw.strip()
        opening = OPTION.match(text)
        if opening:
            return opening[1].upper()
        plain = _plain(text.replace("\n", " ").replace("\t", " ").strip())
        found = LETTER.search(plain)
        return found[1].upper() if found else None

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Letter + gold letter → 1.0 if they are the same."""
        return float(said == str(gold).upper())

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + gold letter → its mark, which remembers whether the reply was empty."""
        mark = super().judge(raw, gold, facts)
        return Mark(mark.said, mark.score, {"empty": raw == ""})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → accuracy of those that are not empty (none without any) and of all. DataError if there are none."""
        answered = [(one.mark.score, float(not one.mark.details["empty"])) for one in marked]
        found = [number(self.label, marked, answered, ratio)] if any(there for _, there in answered) else []
        return *found, mean("accuracy of all", marked)


def _plain(text: str) -> str:
    """Text → without marks, as lmms-eval's copy of the VQA rule leaves it, in lower case."""
    joined = DIGIT_COMMA.search(text) is not None
    plain = text
    for mark in MARKS:
        gone = joined or f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if gone else " ")
    plain = PERIOD.sub("", plain, count=PERIODS_REMOVED)
    return plain.strip("'").strip('"').strip(")").strip("(").strip().lower()

"""MMStar: a reply → option letter by its first characters; accuracy over the 1,500 questions and six categories."""

from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.choice.choice import Choice, macro, shares
from omma.metrics.choice.lmms_eval import trusted_letter
from omma.metrics.metric import Facts, Marked, Number, mean

OPTIONS = "abcd"
OPENINGS = ("", "(", "option ", "the answer is ")


def first_letter(reply: str) -> str | None:
    """Reply → A to D where it begins with the letter, "(a", "option a" or "the answer is a" in either case, else None.

    Nothing is asked of what follows, so that "Apples" is A and "Dogs" is D.
    """
    text = reply.strip().lower()
    for opening in OPENINGS:
        letter = text[len(opening) : len(opening) + 1]
        if text.startswith(opening) and letter and letter in OPTIONS:
            return letter.upper()
    return None


@config
class MmStar(Choice):
    """Accuracy over all questions, then by category. Facts: `category`.

    The script divides by 1,500 and 250; here the questions that were asked are counted, which is the same on the whole set.
    The makers' answers of LLaVA-NeXT-34B score 0.5207 (published: 52.1), and 0.5272 as a mean over fine categories.
    """

    source = "MMStar-Benchmark/MMStar eval/vlmeval/evaluate/mmstar.py"
    ties = "none are possible: one place in the reply is read"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        return first_letter(raw)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → overall, then the categories. DataError if there are none."""
        return mean(self.label, marked), *shares(self.label, marked, lambda one: one.facts["category"])


@config
class LmmsEvalMmStar(MmStar):
    """lmms-eval's: the letter in the most trusted form, and the mean over the 18 fine categories. Facts: `l2_category` too."""

    label = "macro accuracy"
    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mmstar/utils.py"
    ties = "of letters in equally trusted forms the last counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        return trusted_letter(raw, OPTIONS.upper())

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → mean over fine categories of the accuracy in each, then that within each category."""
        return (macro(self.label, marked, lambda one: one.facts["l2_category"]), *self._by_category(marked))

    def _by_category(self, marked: Sequence[Marked]) -> list[Number]:
        names = sorted({str(one.facts["category"]) for one in marked})
        inside = {name: [one for one in marked if str(one.facts["category"]) == name] for name in names}
        return [macro(f"{self.label}/{name}", inside[name], lambda one: one.facts["l2_category"]) for name in names]

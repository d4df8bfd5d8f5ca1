"""MMBench: replies to a question asked with its options rotated → right only if every pass is; vanilla accuracy beside it."""

from collections.abc import Mapping, Sequence

from omma.core.config import config
from omma.metrics.choice.choice import lettered, units
from omma.metrics.choice.lmms_eval import trusted_letter
from omma.metrics.choice.vlmevalkit import FAILED, VlmEvalKitChoice
from omma.metrics.metric import Facts, Marked, Number, mean

ROTATION = 1_000_000  # passes of one question have the same index modulo this
LETTERS = "ABCDE"  # lmms-eval looks for five letters, whatever the question has
FORMS = ("{}.", "{},", "{}:", "{})", "{}).", "({})", "({}).", ":{}", ":{},", ":{}.", ":{})", ":{}).")


@config
class MmBench(VlmEvalKitChoice):
    """Circular accuracy over questions, then accuracy of the first passes alone ("vanilla") and of all passes.

    Facts: `index` (integer; first passes lie below 1,000,000), `choices` as they stand in that pass. `gold` is the letter in
    that pass. Replies that would go to a judge are wrong, as under VLMEvalKit's own "exact_matching". A question is
    counted with the passes that are there; whole files have all of them.
    """

    label = "circular accuracy"
    variant = "official"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/multiple_choice.py (mcq_circular_eval)"

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked passes in any order → circular, vanilla and all-passes accuracy. DataError if there are none."""
        questions: dict[int, list[Marked]] = {}
        for one in marked:
            questions.setdefault(int(one.facts["index"]) % ROTATION, []).append(one)
        first = [one for one in marked if int(one.facts["index"]) < ROTATION]
        vanilla = [mean("vanilla accuracy", first)] if first else []
        return units(self.label, marked, questions), *vanilla, mean("accuracy of all passes", marked)


@config
class LmmsEvalMmBench(MmBench):
    """lmms-eval's static evaluation: its own reading of letters and texts, and the most trusted letter where that fails."""

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mmbench/mmbench_evals.py (eval_method static)"
    ties = "of letters in equally trusted forms the last counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        options = lettered(facts["choices"])
        text = raw.strip()
        return word_letter(text) or option_contained(text, options) or trusted_letter(text, sorted(options))


def word_letter(reply: str) -> str | None:
    """Reply → the only letter A to E that is a word of its own, else that has one mark ("A.", "(A)", …); else None.

    A lone "A" among more than three words may be an article: then only a letter with a mark counts.
    """
    if FAILED in reply:
        return None
    words = reply.split()
    bare = [letter for letter in LETTERS if letter in words]
    if len(bare) == 1 and not ("A" in words and len(words) > 3):
        return bare[0]
    for form in FORMS:
        marked = [letter for letter in LETTERS if form.format(letter) in words]
        if len(marked) == 1:
            return marked[0]
    return None


def option_contained(reply: str, options: Mapping[str, str]) -> str | None:
    """Reply → the only option whose text it contains, case ignored, however long the reply is; else None."""
    lowered = reply.lower()
    found = [letter for letter, text in options.items() if text.lower() in lowered]
    return found[0] if len(found) == 1 else None

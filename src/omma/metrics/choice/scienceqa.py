"""ScienceQA: a reply → option letter, by LLaVA's rule; accuracy over all questions and over those with a picture."""

import re
from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.choice.choice import Choice
from omma.metrics.metric import Facts, Marked, Number, mean

OPTIONS = "ABCDE"
SAID = re.compile(r"The answer is ([A-Z]).")


@config
class ScienceQa(Choice):
    """Accuracy, then "accuracy/image" over the questions with a picture, if there are any.

    Facts: `choices` (a letter beyond them is unparsed) and `image`, whether the question has a picture. The reply is the
    letter and nothing else, or begins "A. ", or holds exactly one "The answer is A" with another character behind it.
    This is the rule that vision-language models report; a reply that cannot be read is wrong in it too.
    """

    variant = "llava"
    source = "haotian-liu/LLaVA llava/eval/eval_science_qa.py (c121f04)"
    ties = "two sentences 'The answer is': unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option letter, or None."""
        said = self.read(raw)
        return said if said and said in OPTIONS[: len(facts["choices"])] else None

    def read(self, raw: str) -> str | None:
        """Reply → the letter it takes, whether there is such an option or not."""
        if len(raw) == 1 and raw in OPTIONS:
            return raw
        if raw[1:3] == ". " and raw[0] in OPTIONS:
            return raw[0]
        found = SAID.findall(raw)
        return found[0] if len(found) == 1 else None

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → overall, and over questions with pictures. DataError if there are none."""
        pictured = [one for one in marked if one.facts.get("image")]
        return (mean(self.label, marked), *([mean(f"{self.label}/image", pictured)] if pictured else []))


@config
class ScienceQaIndex(ScienceQa):
    """The makers' own scorer: `raw` is the index of an option, counted from 0, that a run stored ("2" is C).

    Their inference script stores a random option where a reply holds no answer, so that GPT-3's published 75.17 contains
    249 such guesses, 127 of them right: from the replies themselves it is 72.18.
    """

    variant = "official"
    source = "lupantech/ScienceQA tools/evaluate_acc.py, models/run_gpt3.py (2cbf831)"
    ties = "none are possible"

    def read(self, raw: str) -> str | None:
        """Index as text → its letter, or None."""
        text = raw.strip()
        return OPTIONS[int(text)] if len(text) == 1 and text in "01234" else None


@config
class LmmsEvalScienceQa(ScienceQa):
    """lmms-eval's: the letter alone in either case, or a capital first and a period behind it; nothing else is read."""

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/scienceqa/utils.py"
    ties = "none are possible"

    def read(self, raw: str) -> str | None:
        """Reply → the letter it takes, whether there is such an option or not."""
        text = raw.strip()
        if len(text) == 1:
            return text.upper()
        return text[0] if text[:1].isupper() and text[1:2] == "." else None

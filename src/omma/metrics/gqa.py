"""GQA: a short reply + the one right answer → 0 or 1, by equality of strings; variants differ in what is done to them first."""

import string
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts
from omma.metrics.text import Words, accepted

NO_MARKS = str.maketrans("", "", string.punctuation)


@config
class Gqa(Words):
    """1 if the reply is the answer, character for character: "Yes" and "yes." are wrong where "yes" is right."""

    label: ClassVar[str] = "accuracy"
    source: ClassVar[str] = "dorarad/gqa evaluation/eval.py"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + answer → 0.0 or 1.0. The answer is brought to the same form as the reply."""
        return float(any(said == self.of_gold(text, facts) for text in accepted(gold)))

    def of_gold(self, text: str, facts: Facts) -> str:
        """Answer as stored → the form in which it is compared."""
        return text


@config
class LlavaGqa(Gqa):
    """Periods at the reply's end go and it is lowered; then the official equality with the answer as stored."""

    variant: ClassVar[str] = "llava"
    source: ClassVar[str] = "haotian-liu/LLaVA scripts/convert_gqa_for_eval.py"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → without periods at its end, lowered."""
        return said.rstrip(".").lower()


@config
class LmmsEvalGqa(Gqa):
    """Equality without case and without ASCII marks: "t-shirt" is "tshirt". The reply is stripped before that."""

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval api/metrics.py exact_match, tasks/gqa/gqa.yaml at 75571cf"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → stripped, lowered, without marks."""
        return said.strip().lower().translate(NO_MARKS)

    def of_gold(self, text: str, facts: Facts) -> str:
        """Answer as stored → lowered, without marks."""
        return text.lower().translate(NO_MARKS)


@config
class VlmEvalKitGqa(Gqa):
    """Equality after stripping and lowering both sides; a period at the end makes a reply wrong."""

    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/vqa_eval.py process_line, method accuracy, at e8e78f0"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → stripped and lowered."""
        return said.strip().lower()

    def of_gold(self, text: str, facts: Facts) -> str:
        """Answer as stored → stripped and lowered."""
        return text.strip().lower()

"""OCRBench: a reply + accepted answers → 1 if it contains any of them; 1,000 questions, of which the right ones are counted."""

from collections.abc import Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts, Marked, Number, mean, number
from omma.metrics.text import Words, accepted

FORMULAS = "HME100k"  # the one data set whose answers keep their case and lose their spaces
RECOGNITION = (
    "Regular Text Recognition",
    "Irregular Text Recognition",
    "Artistic Text Recognition",
    "Handwriting Recognition",
    "Digit String Recognition",
    "Non-Semantic Text Recognition",
)
OTHERS = (
    "Scene Text-centric VQA",
    "Doc-oriented VQA",
    "Key Information Extraction",
    "Handwritten Mathematical Expression Recognition",
)
GROUPS = {"Text Recognition": RECOGNITION} | {name: (name,) for name in OTHERS}
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}


@config
class OcrBench(Words):
    """OCRBench. `gold`: accepted answers. Reads the facts `dataset_name` ("HME100k" has its own rule) and `type`, of ten.

    The main number is the count of right answers, as the field reports it; then the accuracy, and the counts of the five
    groups that are there. An accepted answer that is empty is in every reply.
    """

    label: ClassVar[str] = "OCRBench"
    source: ClassVar[str] = "Yuliang-Liu/MultimodalOCR OCRBench/example.py"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → 0.0 or 1.0."""
        form = formula_form if facts.get("dataset_name") == FORMULAS else self.form
        reply = form(said)
        return float(any(form(text) in reply for text in accepted(gold)))

    def form(self, text: str) -> str:
        """Reply or accepted answer → the form in which one is sought in the other."""
        return text.lower().strip().replace("\n", " ")

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Count of right answers, accuracy, counts of groups."""
        parts = [(name, [one for one in marked if one.facts.get("type") in types]) for name, types in GROUPS.items()]
        return _count(self.label, marked), mean("accuracy", marked), *(_count(name, part) for name, part in parts if part)


@config
class LmmsEvalOcrBench(OcrBench):
    """OCRBench in lmms-eval: full-width letters and the full-width space are folded first, but not for HME100k.

    Its only number is the count divided by 1,000, however many questions were asked.
    """

    label: ClassVar[str] = "ocrbench_accuracy"
    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/ocrbench/utils.py at 75571cf"

    def form(self, text: str) -> str:
        """Reply or accepted answer → folded, lowered, stripped."""
        return super().form(text.translate(FULL_WIDTH))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Count of right answers / 1,000."""
        return (number(self.label, marked, [[one.mark.score] for one in marked], lambda sums: sums[..., 0] / 1000),)


def formula_form(text: str) -> str:
    """A handwritten formula → without spaces and newlines; case stays."""
    return text.strip().replace("\n", " ").replace(" ", "")


def _count(label: str, marked: Sequence[Marked]) -> Number:
    return number(label, marked, [[one.mark.score] for one in marked], lambda sums: sums[..., 0], unit="points")

"""A-OKVQA, direct answers: a reply + what ten people answered → min(1, people who said exactly that / 3)."""

from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts
from omma.metrics.text import Words, accepted
from omma.metrics.vqa import vqa_normalise


@config
class AOkVqa(Words):
    """A-OKVQA, direct answers as written: "Cab" and "a cab" are not "cab". `gold`: what people answered; no facts are read."""

    label: ClassVar[str] = "direct answer"
    source: ClassVar[str] = "allenai/aokvqa evaluation/eval_predictions.py"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + people's answers → 0, 1/3, 2/3 or 1."""
        return min(1.0, sum(said == text for text in accepted(gold)) / 3.0)


@config
class NormalAOkVqa(AOkVqa):
    """A-OKVQA, direct answers after VQA v2's normal form of the reply; who submits replies is free to bring them to it.

    People's answers are stored in lower case and without articles, and stay as they are.
    """

    variant: ClassVar[str] = "normalised"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → lowered, without marks and articles, number words as digits."""
        return vqa_normalise(said)

"""VisOnlyQA: a reply → the one option it names; exact match with the gold option."""

from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import Choice
from omma.metrics.metric import Facts

SINGLE = "single_answer"


def single_answer(reply: str, options: Sequence[str]) -> str | None:
    """Reply → the only option that stands in it as "(option)", else the only one that stands in it at all, else None."""
    for form in ("({})", "{}"):
        found = [option for option in options if form.format(option) in reply]
        if len(found) == 1:
            return found[0]
    return None


@config
class VisOnlyQa(Choice):
    """Accuracy. Facts: `response_options`, `question_type` ("single_answer" or "multiple_answers").

    The script hands to a language model what this rule cannot read, questions with several answers among it: where the
    benchmark's files hold what that model extracted, it is the fact `extraction`, and where a judge extracted it, `judge`;
    without either the reply is unparsed.
    On 6,000 published replies to its real figures the rule reads 3,716, all as the makers did; the rest are extractions,
    with which InternVL2-26B and GPT-4o score 43.4 and 51.4 answering directly, 43.4 and 51.8 reasoning, as published.
    """

    source = "psunlpgroup/VisOnlyQA src/evaluation/{evaluation,metrics}.py"
    ties = "two options named alike: unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → option (several joined by commas), or None."""
        single = facts.get("question_type", SINGLE) == SINGLE
        said = single_answer(raw, facts["response_options"]) if single else None
        return said if said is not None else self.recorded(facts, single)

    def recorded(self, facts: Facts, single: bool) -> str | None:
        """Recorded extraction → the first option it contains, or all of it where several answers are asked for."""
        text: Any = facts.get("extraction", facts.get("judge"))
        if not isinstance(text, str) or not text.strip():
            return None
        text = text.replace(" ", "")
        return next((option for option in facts["response_options"] if option in text), text) if single else text

"""RealWorldQA: a reply → letter, number or word. Its makers publish no scorer; this is lmms-eval's."""

from typing import Any

from omma.core.config import config
from omma.metrics.choice.lmms_eval import trusted_letter
from omma.metrics.metric import Facts, Mark, Metric

OPTIONS = "ABCD"


@config
class LmmsEvalRealWorldQa(Metric):
    """Where the gold is A to D, the most trusted letter; else equality, case and white space and a last period aside.

    No facts. `VlmEvalKitChoice` is VLMEvalKit's, over its own file with options.
    """

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/realworldqa/utils.py"
    ties = "of letters in equally trusted forms the last counts"

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + gold → its mark: what counts as reading depends on the gold."""
        right = str(gold).strip()
        letter = len(right) == 1 and right.upper() in OPTIONS
        said = trusted_letter(raw, OPTIONS) if letter else raw.lower().strip().rstrip(".") or None
        return self.unread(gold, facts) if said is None else Mark(said, float(said == (right.upper() if letter else right.lower())))

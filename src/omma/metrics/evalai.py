"""EvalAI: VQA accuracy with the normal form of the EvalAI server, always of both sides, as TextVQA, LLaVA and lmms-eval score.

Beyond the normal form of VQA v2 it lowers first, drops every "," and "?", and sets "'s" apart.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.metrics.vqa import MMF, Vqa, normal_forms, soft_accuracy, vqa_normalise


def evalai_normalise(text: str) -> str:
    """Answer → normal form of the EvalAI server: "Dog's, 1,000?" → "dog 's 1000"."""
    return vqa_normalise(text.lower().replace(",", "").replace("?", "").replace("'s", " 's"), MMF)


def evalai_accuracy(answer: str, golds: Sequence[str]) -> float:
    """Answer + people's answers (officially ten) → soft accuracy in [0, 1] after `evalai_normalise`. No golds: 0.0."""
    return soft_accuracy(*normal_forms(answer, golds, evalai_normalise))


@config
class TextVqa(Vqa):
    """TextVQA. `gold`: ten people's answers; no facts are read."""

    variant: ClassVar[str] = "evalai"
    source: ClassVar[str] = "facebookresearch/mmf mmf/utils/m4c_evaluators.py, haotian-liu/LLaVA llava/eval/m4c_evaluator.py"

    def compared(self, said: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Reply + people's answers → normal forms."""
        return normal_forms(said, golds, evalai_normalise)


@config
class LmmsEvalOkVqa(TextVqa):
    """OK-VQA in lmms-eval: the EvalAI rule on the ten answers as stored."""

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/ok_vqa/utils.py at 75571cf"


@config
class LmmsEvalVizWiz(TextVqa):
    """VizWiz in lmms-eval: the EvalAI rule on both sides, where the official one leaves people's answers as stored."""

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/vizwiz_vqa/utils.py at 75571cf"

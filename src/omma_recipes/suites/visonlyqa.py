"""VisOnlyQA: its real and its synthetic figures, answered directly and with reasoning."""

from omma.evaluate.benchmarks.visonlyqa import KitVisOnlyQaQuestions, VisOnlyQaQuestions
from omma.evaluate.suite import Suite

REAL, SYNTHETIC = "visonlyqa/real", "visonlyqa/synthetic"


def visonlyqa() -> Suite:
    """VisOnlyQA answered directly: 500 questions about real figures, 700 about synthetic ones."""
    sets = (VisOnlyQaQuestions(name="visonlyqa_real", path=REAL), VisOnlyQaQuestions(name="visonlyqa_synthetic", path=SYNTHETIC))
    return Suite(id="visonlyqa", title="VisOnlyQA", benchmarks=sets)


def visonlyqa_reasoning() -> Suite:
    """VisOnlyQA answered after a short reasoning."""
    sets = (_reasoned("visonlyqa_real_reasoning", REAL), _reasoned("visonlyqa_synthetic_reasoning", SYNTHETIC))
    return Suite(id="visonlyqa_reasoning", title="VisOnlyQA (reasoning)", benchmarks=sets)


def visonlyqa_vlmevalkit() -> Suite:
    """VisOnlyQA's real figures in VLMEvalKit's version: not comparable with visonlyqa."""
    questions = KitVisOnlyQaQuestions(name="visonlyqa_vlmevalkit")
    return Suite(id="visonlyqa_vlmevalkit", title="VisOnlyQA (VLMEvalKit's)", benchmarks=(questions,))


def _reasoned(name: str, path: str) -> VisOnlyQaQuestions:
    return VisOnlyQaQuestions(name=name, path=path, column="prompt_reasoning")

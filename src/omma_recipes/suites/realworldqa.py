"""RealWorldQA, as lmms-eval and as VLMEvalKit ask it."""

from omma.evaluate.benchmarks.realworldqa import RealWorldQaOptions, RealWorldQaQuestions
from omma.evaluate.suite import Suite


def realworldqa() -> Suite:
    """RealWorldQA: questions about what cameras of cars and people saw."""
    return Suite(id="realworldqa", title="RealWorldQA", benchmarks=(RealWorldQaQuestions(),))


def realworldqa_vlmevalkit() -> Suite:
    """RealWorldQA with its options apart, asked and read as VLMEvalKit does."""
    return Suite(id="realworldqa_vlmevalkit", title="RealWorldQA (VLMEvalKit)", benchmarks=(RealWorldQaOptions(),))

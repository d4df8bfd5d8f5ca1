"""BLINK, in the official words and in lmms-eval's."""

from omma.evaluate.benchmarks.blink import BlinkQuestions
from omma.evaluate.suite import Suite

NOTE = "Note: You only need to respond with {letters} without providing any additional information.\n"


def blink() -> Suite:
    """BLINK val in the official words, by task."""
    return Suite(id="blink", title="BLINK (val)", benchmarks=(BlinkQuestions(name="blink"),))


def blink_lmms_eval() -> Suite:
    """BLINK val in lmms-eval's words: a letter and nothing else."""
    questions = BlinkQuestions(name="blink_lmms_eval", before=NOTE, disclaimed=())
    return Suite(id="blink_lmms_eval", title="BLINK (val, lmms-eval's prompt)", benchmarks=(questions,))

"""MMVP, in the official words with and without a judge, and in LLaVA's."""

from omma.evaluate.benchmarks.mmvp import JudgedMmvpQuestions, MmvpQuestions
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling


def mmvp() -> Suite:
    """MMVP in the official words, the option read by rule."""
    return Suite(id="mmvp", title="MMVP", benchmarks=(MmvpQuestions(name="mmvp"),))


def mmvp_judged() -> Suite:
    """MMVP as its own script scores it, by the verdicts of a judge."""
    return Suite(id="mmvp_judged", title="MMVP (judged)", benchmarks=(JudgedMmvpQuestions(name="mmvp_judged"),))


def mmvp_llava() -> Suite:
    """MMVP answered with a letter, as lmms-eval asks it."""
    questions = MmvpQuestions(name="mmvp_llava", prompt=Prompt(after=LETTER), sampling=Sampling(max_tokens=16))
    return Suite(id="mmvp_llava", title="MMVP (LLaVA's prompt)", benchmarks=(questions,))

"""MMVP, in the official words and in LLaVA's."""

from omma.evaluate.benchmarks.mmvp import MmvpQuestions
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmvp import LmmsEvalMmvp, VlmEvalKitMmvp


def mmvp() -> Suite:
    """MMVP in the official words; the official mark needs a judge, the harnesses' letters do not."""
    return Suite(id="mmvp", title="MMVP", benchmarks=(MmvpQuestions(name="mmvp"),))


def mmvp_llava() -> Suite:
    """MMVP answered with a letter, as lmms-eval asks it; no judge."""
    questions = MmvpQuestions(
        name="mmvp_llava",
        prompt=Prompt(after=LETTER),
        sampling=Sampling(max_tokens=16),
        metrics=(LmmsEvalMmvp(), VlmEvalKitMmvp()),
    )
    return Suite(id="mmvp_llava", title="MMVP (LLaVA's prompt)", benchmarks=(questions,))

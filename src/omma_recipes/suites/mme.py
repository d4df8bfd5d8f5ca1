"""MME, in the benchmark's own words and in LLaVA's."""

from omma.evaluate.benchmarks.mme import MmeQuestions, ShortMmeQuestions
from omma.evaluate.suite import Suite


def mme() -> Suite:
    """MME: fourteen subtasks, two questions a picture; perception (2,000 points) and cognition (800)."""
    return Suite(id="mme", title="MME", benchmarks=(MmeQuestions(),))


def mme_llava() -> Suite:
    """MME with LLaVA's suffix in place of "Please answer yes or no."."""
    return Suite(id="mme_llava", title="MME (LLaVA's prompt)", benchmarks=(ShortMmeQuestions(),))

"""MMStar, in the official words and in LLaVA's."""

from omma.evaluate.benchmarks.mmstar import MmStarQuestions
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling


def mmstar() -> Suite:
    """MMStar in the official words, accuracy over all and by capability."""
    return Suite(id="mmstar", title="MMStar", benchmarks=(MmStarQuestions(name="mmstar"),))


def mmstar_llava() -> Suite:
    """MMStar in LLaVA's words, as lmms-eval asks it, which leaves their period out."""
    words = Prompt(after=LETTER.removesuffix("."))
    questions = MmStarQuestions(name="mmstar_llava", prompt=words, unlisted=words, sampling=Sampling(max_tokens=1024))
    return Suite(id="mmstar_llava", title="MMStar (LLaVA's prompt)", benchmarks=(questions,))

"""TextVQA: words in photos, with and without the help of an OCR engine."""

from omma.evaluate.benchmarks.textvqa import ReadTextVqaQuestions, TextVqaQuestions
from omma.evaluate.suite import Suite


def textvqa() -> Suite:
    """TextVQA val from the picture alone."""
    return Suite(id="textvqa", title="TextVQA (val)", benchmarks=(TextVqaQuestions(),))


def textvqa_llava() -> Suite:
    """TextVQA val with LLaVA's prompt, which tells what an OCR engine read in the picture."""
    return Suite(id="textvqa_llava", title="TextVQA (val, LLaVA's prompt with OCR tokens)", benchmarks=(ReadTextVqaQuestions(),))

"""Text in pictures: pages, infographics, charts, and whatever else is written."""

from omma.evaluate.benchmarks.chartqa import ChartQaQuestions
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions, InfoVqaQuestions
from omma.evaluate.benchmarks.ocrbench import OcrBenchQuestions
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling


def docvqa() -> Suite:
    """DocVQA val: questions about scanned pages, ANLS as the RRC server scores it."""
    return Suite(id="docvqa", title="DocVQA (val)", benchmarks=(DocVqaQuestions(),))


def infovqa() -> Suite:
    """InfographicVQA val: questions about infographics, ANLS as the RRC server scores it."""
    return Suite(id="infovqa", title="InfographicVQA (val)", benchmarks=(InfoVqaQuestions(),))


def chartqa() -> Suite:
    """ChartQA test: people's and generated questions about charts, relaxed accuracy."""
    return Suite(id="chartqa", title="ChartQA (test)", benchmarks=(ChartQaQuestions(),))


def chartqa_lmms_eval() -> Suite:
    """ChartQA test as lmms-eval asks it: "a single word", 16 tokens."""
    prompt = Prompt(after="\nAnswer the question with a single word.")
    asked = ChartQaQuestions(name="chartqa_lmms_eval", prompt=prompt, sampling=Sampling(max_tokens=16))
    return Suite(id="chartqa_lmms_eval", title="ChartQA (test, lmms-eval's prompt)", benchmarks=(asked,))


def ocrbench() -> Suite:
    """OCRBench: 1,000 questions on text in pictures, right answers counted."""
    return Suite(id="ocrbench", title="OCRBench", benchmarks=(OcrBenchQuestions(),))


def ocrbench_llava() -> Suite:
    """OCRBench with LLaVA's suffix, as the benchmark's own script asks LLaVA-1.5."""
    asked = OcrBenchQuestions(name="ocrbench_llava", prompt=Prompt(after=SHORT))
    return Suite(id="ocrbench_llava", title="OCRBench (LLaVA's prompt)", benchmarks=(asked,))

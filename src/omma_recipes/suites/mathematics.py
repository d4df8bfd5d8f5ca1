"""Mathematics in pictures: MathVista and MATH-Vision."""

from omma.evaluate.benchmarks.mathvision import MathVisionQuestions
from omma.evaluate.benchmarks.mathvista import MathVistaQuestions
from omma.evaluate.suite import Suite


def mathvista() -> Suite:
    """MathVista testmini, answers read by rule; with a judge's extractions the official figure stands beside it."""
    return Suite(id="mathvista", title="MathVista (testmini)", benchmarks=(MathVistaQuestions(name="mathvista"),))


def mathvision() -> Suite:
    """MATH-Vision test, by subject and level."""
    return Suite(id="mathvision", title="MATH-Vision (test)", benchmarks=(MathVisionQuestions(name="mathvision"),))


def mathvision_mini() -> Suite:
    """MATH-Vision testmini, 304 of its problems."""
    tables = ("testmini.jsonl", "MathVision_MINI.tsv")
    questions = MathVisionQuestions(name="mathvision_mini", tables=tables, split="testmini-")
    return Suite(id="mathvision_mini", title="MATH-Vision (testmini)", benchmarks=(questions,))

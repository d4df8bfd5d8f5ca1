"""Hallucination: objects that are not there."""

from omma.evaluate.benchmarks.pope import PopeQuestions
from omma.evaluate.suite import Suite


def pope() -> Suite:
    """POPE on COCO: random, popular and adversarial objects, asked for yes or no."""
    return Suite(id="pope", title="POPE (COCO)", benchmarks=(PopeQuestions(),))

"""MMStar."""

from omma.evaluate.benchmarks.mmstar import MmStarQuestions
from omma.evaluate.suite import Suite


def mmstar() -> Suite:
    """MMStar, accuracy over all and by capability."""
    return Suite(id="mmstar", title="MMStar", benchmarks=(MmStarQuestions(),))

"""AI2D; the two ways in which its pictures are published are two benchmarks."""

from omma.evaluate.benchmarks.ai2d import Ai2dQuestions
from omma.evaluate.suite import Suite


def ai2d() -> Suite:
    """AI2D test, labels in the pictures masked by letters."""
    return Suite(id="ai2d", title="AI2D", benchmarks=(Ai2dQuestions(name="ai2d", path="ai2d"),))


def ai2d_no_mask() -> Suite:
    """AI2D test, labels in the pictures left readable: higher scores, not comparable with ai2d."""
    questions = Ai2dQuestions(name="ai2d_no_mask", path="ai2d_no_mask", table="AI2D_TEST_NO_MASK.tsv")
    return Suite(id="ai2d_no_mask", title="AI2D (no mask)", benchmarks=(questions,))

"""MM-Vet: integrated capabilities, by a judge's recorded scores."""

from omma.evaluate.benchmarks.mm_vet import MmVetQuestions
from omma.evaluate.suite import Suite


def mm_vet() -> Suite:
    """MM-Vet: open questions; the score is a judge's, and there is no official one without."""
    return Suite(id="mm_vet", title="MM-Vet", benchmarks=(MmVetQuestions(),))

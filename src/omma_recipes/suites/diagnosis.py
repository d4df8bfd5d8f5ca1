"""Diagnosis: what can be measured inside a model."""

from omma.evaluate.benchmarks.mir import MirDocuments
from omma.evaluate.suite import Suite


def mir() -> Suite:
    """Modality Integration Rate: how far pictures and words lie apart inside the language model."""
    return Suite(id="mir", title="MIR", benchmarks=(MirDocuments(),))

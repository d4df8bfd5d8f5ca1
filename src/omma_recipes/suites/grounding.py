"""Grounding beyond RefCOCO: several objects or none, what takes reasoning, stuff and parts, descriptions, videos."""

from omma.evaluate.benchmarks.gcg import GcgQuestions
from omma.evaluate.benchmarks.grefcoco import GRefCocoQuestions
from omma.evaluate.benchmarks.grounding_suite import GroundingSuiteMasks, GroundingSuiteQuestions
from omma.evaluate.benchmarks.mevis import MevisQuestions
from omma.evaluate.benchmarks.reason_seg import ReasonSegQuestions
from omma.evaluate.suite import Suite


def grefcoco() -> Suite:
    """gRefCOCO: gIoU, cIoU and no-target accuracy of recorded masks."""
    return Suite(id="grefcoco", title="gRefCOCO (masks)", benchmarks=(GRefCocoQuestions(),))


def reason_seg() -> Suite:
    """ReasonSeg, val and test: gIoU and cIoU of recorded masks."""
    parts = tuple(ReasonSegQuestions(name=f"reason_seg_{split}", path=f"ReasonSeg/{split}") for split in ("val", "test"))
    return Suite(id="reason_seg", title="ReasonSeg (masks)", benchmarks=parts)


def grounding_suite() -> Suite:
    """GSEval: Acc@0.5 of boxes and gIoU of masks, by class."""
    return Suite(
        id="grounding_suite", title="GroundingSuite (GSEval)", benchmarks=(GroundingSuiteQuestions(), GroundingSuiteMasks())
    )


def gcg() -> Suite:
    """GranD-f, val and test: AP50, mIoU and recall of recorded phrases with masks."""
    parts = tuple(GcgQuestions(name=f"gcg_{split}", split=split) for split in ("val", "test"))
    return Suite(id="gcg", title="Grounded conversation generation (GranD-f)", benchmarks=parts)


def mevis() -> Suite:
    """MeViS, val_u: J&F of recorded masks of every frame."""
    return Suite(id="mevis", title="MeViS (val_u)", benchmarks=(MevisQuestions(),))

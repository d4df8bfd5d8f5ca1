"""HallusionBench, scored without a judge and by recorded verdicts of one."""

from omma.evaluate.benchmarks.hallusionbench import HallusionBenchQuestions, JudgedHallusionBench
from omma.evaluate.suite import Suite


def hallusionbench() -> Suite:
    """HallusionBench by the words yes and no: figures, edited figures and none."""
    return Suite(id="hallusionbench", title="HallusionBench (yes or no)", benchmarks=(HallusionBenchQuestions(),))


def hallusionbench_judged() -> Suite:
    """HallusionBench as its own script scores it, by the verdicts of a judge."""
    return Suite(id="hallusionbench_judged", title="HallusionBench (judged)", benchmarks=(JudgedHallusionBench(),))

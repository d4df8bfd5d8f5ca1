"""MMBench, in English and Chinese; every question is asked with its options rotated."""

from omma.evaluate.benchmarks.mmbench import MmBenchQuestions
from omma.evaluate.suite import Suite


def mmbench_en() -> Suite:
    """MMBench dev in English, circular and vanilla accuracy."""
    return Suite(id="mmbench_en", title="MMBench (en, dev)", benchmarks=(_file("mmbench_en", "MMBench_DEV_EN.tsv"),))


def mmbench_cn() -> Suite:
    """MMBench dev in Chinese, circular and vanilla accuracy."""
    return Suite(id="mmbench_cn", title="MMBench (cn, dev)", benchmarks=(_file("mmbench_cn", "MMBench_DEV_CN.tsv"),))


def _file(name: str, path: str) -> MmBenchQuestions:
    return MmBenchQuestions(name=name, path=path)

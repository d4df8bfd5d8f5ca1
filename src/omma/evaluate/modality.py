"""Modality: the same questions with pictures, without them, and to the language model alone → what seeing adds, what leaked.

MMStar's two numbers (Chen et al. 2024, section 3.3) for the main number of any benchmark, from stored records: multi-modal
gain MG = S_v − S_wv, leakage ML = max(0, S_wv − S_t). Intervals draw the units of that number in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omma.core.errors import DataError
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.compare import Difference, Shared, compare
from omma.evaluate.known import Known
from omma.evaluate.published import Published
from omma.metrics.metric import Number
from omma.schema.verdict import Record


@dataclass(frozen=True, slots=True)
class Worth:
    """A number in the scale of its scores, better is more, with its 95% paired interval (NaN: none is known)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gain:
    """One benchmark on the questions that all runs have; `text` and `leakage` are there if the language model was asked alone.

    `left_out` counts questions that not every run has.
    """

    benchmark: str
    seeing: Number
    blind: Number
    text: Number | None
    gain: Worth
    leakage: Worth | None
    left_out: int


def gain(
    benchmark: Benchmark, seeing: Sequence[Record], blind: Sequence[Record], text: Sequence[Record] | None, known: Known
) -> Gain:
    """Records of each run, in any order → what seeing is worth. DataError if no question is in all of them."""
    runs = [seeing, blind] if text is None else [seeing, blind, text]
    tables = [{record.sample_id: record for record in run} for run in runs]
    ids = [record.sample_id for record in seeing if all(record.sample_id in table for table in tables)]
    if not ids:
        counts = " and ".join(str(len(run)) for run in runs)
        raise DataError(benchmark.name, f"{counts} questions, none of them in all runs", "at least one", "is it the same split?")
    same = [[table[name] for name in ids] for table in tables]
    first = replace(benchmark, metrics=benchmark.metrics[:1]) if isinstance(benchmark, Published) else benchmark
    added = _difference(first, same[1], same[0], known)
    leaked = _difference(first, same[2], same[1], known) if text is not None else None
    return Gain(
        benchmark.name,
        added.number_b,
        added.number_a,
        leaked.number_a if leaked else None,
        _worth(added),
        _positive(_worth(leaked)) if leaked else None,
        len(set().union(*tables)) - len(ids),
    )


def _difference(benchmark: Benchmark, before: list[Record], after: list[Record], known: Known) -> Difference:
    """Records of the same questions in the same order → after − before of the main number."""
    return compare(Shared(benchmark, before, after, before, after), known)[0].differences[0]


def _worth(one: Difference) -> Worth:
    if one.number_a.higher_is_better:
        return Worth(one.value, one.low, one.high)
    return Worth(-one.value, -one.high, -one.low)


def _positive(worth: Worth) -> Worth:
    """What is below nothing counts as nothing; NaN stays."""
    return Worth(*(0.0 if value < 0 else value for value in (worth.value, worth.low, worth.high)))

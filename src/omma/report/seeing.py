"""Seeing: records with pictures and without them → what looking is worth, benchmark by benchmark and model by model."""

import math
from dataclasses import dataclass

from omma.core.errors import DataError
from omma.evaluate.modality import Gain, gain
from omma.evaluate.table import written
from omma.evaluate.taxonomy import main_verdicts
from omma.report.facts import Facts
from omma.schema.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """One benchmark of one model: its main number by sight as text, and what seeing adds to blindness with its interval.

    Positions are on a bar from 0 to 100; `sure` is whether the interval lies off zero.
    """

    benchmark: str
    metric: str
    model: str
    seeing: str
    blind: str
    shuffled: str
    trivial: str
    gain: str
    interval: str
    sure: bool
    left_out: int
    seeing_at: float
    blind_at: float


def seen(facts: Facts) -> tuple[Seen, ...]:
    """Facts → a row for each benchmark that some model answered blind, or with the pictures of others, beside seeing."""
    mains = {moment: main_verdicts(facts.verdicts[moment]) for moment in facts.moments}
    rows = []
    for benchmark in dict.fromkeys(name for found in mains.values() for name in found):
        for model in facts.seeing:
            blind, shuffled = facts.blind_of(model, "grey"), facts.blind_of(model, "shuffled")
            found = {name: mains[name].get(benchmark) for name in (blind, shuffled) if name}
            verdict = mains[model].get(benchmark)
            if verdict is not None and any(found.values()):
                rows.append(_seen(facts, model, verdict, blind, found.get(blind), found.get(shuffled)))
    return tuple(rows)


def _seen(facts: Facts, model: str, verdict: Verdict, blind: str, dark: Verdict | None, shuffled: Verdict | None) -> Seen:
    worth = _gain(facts, model, blind, verdict.benchmark) if dark is not None else None
    ends = (worth.gain.low, worth.gain.high) if worth is not None and not math.isnan(worth.gain.low) else ()
    bar = verdict.unit == "share" and verdict.higher_is_better
    return Seen(
        benchmark=verdict.benchmark,
        metric=verdict.metric + ("" if verdict.higher_is_better else " ↓"),
        model=model,
        seeing=written(verdict, verdict.value),
        blind="" if dark is None else written(dark, dark.value),
        shuffled="" if shuffled is None else written(shuffled, shuffled.value),
        trivial="" if verdict.trivial is None else written(verdict, verdict.trivial),
        gain="" if worth is None else _points(verdict, worth.gain.value),
        interval=" to ".join(_points(verdict, end) for end in ends),
        sure=worth is not None and worth.gain.low > 0,
        left_out=0 if worth is None else worth.left_out,
        seeing_at=100 * verdict.value if bar else 0.0,
        blind_at=100 * dark.value if bar and dark is not None else 0.0,
    )


def _gain(facts: Facts, model: str, blind: str, name: str) -> Gain | None:
    """What the records say; None where one side has none, shares no question, or nothing says how it was scored."""
    benchmark = facts.suites.get(model, {}).get(name)
    if benchmark is None or not all(name in facts.benchmarks(moment) for moment in (model, blind)):
        return None
    try:
        return gain(benchmark, facts.records(model, name), facts.records(blind, name), None, facts.known(model))
    except DataError:  # other questions: the two numbers stand side by side all the same
        return None


def _points(verdict: Verdict, value: float) -> str:
    """A difference with its sign, of shares in points of per cent."""
    text = written(verdict, abs(value), verdict.value).rstrip("%")
    return ("+" if value >= 0 else "−") + text

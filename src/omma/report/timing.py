"""Timing: log lines → where the time of the job and of a training step went, and how fast tokens were read."""

from collections import defaultdict
from dataclasses import dataclass

from omma.report.facts import Facts


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole: seconds and share of 1."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one stage ran, as means over its log lines."""

    stage: str
    steps: int
    step_ms: float
    tokens_per_s: float
    supervised_per_s: float
    pictures_per_s: float
    mfu: float
    split: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """The whole job: its parts, its stages, total seconds over all sittings, and the most memory any of them held."""

    parts: tuple[Share, ...]
    stages: tuple[Rate, ...]
    seconds: float
    rss_peak_mib: float


def timing(facts: Facts) -> Timing:
    """Facts → timing; parts that a continued run did twice count twice, as they did on the clock."""
    seconds: dict[str, float] = defaultdict(float)
    for line in facts.events("part"):
        seconds[line["part"]] += line["seconds"]
    total = sum(seconds.values())
    parts = tuple(Share(name, value, value / total) for name, value in seconds.items()) if total else ()
    peaks = [line.get("rss_peak_mib", 0.0) for line in (*facts.events("part"), *(s.get("time", {}) for s in facts.events("step")))]
    names = dict.fromkeys(line["stage"] for line in facts.events("step"))
    return Timing(parts, tuple(_rate(facts, name) for name in names), total, max(peaks, default=0.0))


def _rate(facts: Facts, stage: str) -> Rate:
    lines = [line for line in facts.events("step") if line["stage"] == stage and "time" in line]
    before = [0, *(line["step"] for line in lines)]
    spans = [line["time"]["step_s"] * (line["step"] - start) for start, line in zip(before, lines, strict=False)]
    total = max(sum(spans), 1e-9)
    split: dict[str, float] = defaultdict(float)
    for span, line in zip(spans, lines, strict=True):
        for name, share in line["time"].get("split", {}).items():
            split[name] += share * span
    steps = max((line["step"] for line in lines), default=0)
    mean = {
        name: sum(span * line["time"].get(name, 0.0) for span, line in zip(spans, lines, strict=True)) / total
        for name in ("tokens_per_s", "supervised_per_s", "pictures_per_s", "mfu")
    }
    shares = tuple(Share(name, value, value / total) for name, value in split.items() if value > 0)
    return Rate(stage, steps, 1000 * total / max(1, steps), **mean, split=shares)

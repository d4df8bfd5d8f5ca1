"""Verdict: a score with everything needed to doubt it. Record: one answered question. Checkpoint: where a model lies."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Record:
    """One question put to a model, kept before it is scored.

    `gold` is what the metric compares with (texts, or a box in xyxy px), `facts` what the benchmark says of the question
    beside it (choices, category); `details` holds how the answer came about and what a metric or report adds.
    """

    sample_id: str
    task: str
    prompt: str
    gold: Any
    raw: str
    extracted: str = ""
    correct: float | None = None
    parsed: bool = True
    picture: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number of one benchmark: `value` over `count` records (`unparsed` of them unreadable), with a 95% bootstrap interval.

    `trivial` is what the best picture-blind constant guess scores; `higher_is_better` is False for losses. `variant` is
    whose rule the metric follows; `unit` says how the number is written: shares as per cent, points and nats as they are.
    `ties` is what the rule does with equals, where there can be any.
    """

    benchmark: str
    metric: str
    subset: str
    value: float
    count: int
    unparsed: int
    low: float
    high: float
    trivial: float | None
    higher_is_better: bool = True
    variant: str = "official"
    unit: Literal["share", "points"] = "share"
    ties: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with weights, `config.yaml` (the recipe), `tokenizer/`, `state.json` and the optimizer state to resume from."""

    folder: Path
    stage: str
    step: int

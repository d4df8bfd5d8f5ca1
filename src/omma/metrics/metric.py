"""Metric: a reply + what is right → a Mark; marked replies → Numbers. One subclass per rule, the official one first.

Four steps, each a method: `extract` (what did the reply say?), `normalise`, `match` (how right is it?) and `aggregate`.
The first three are `judge`, which measures a benchmark, rewards a rollout and filters a sample alike. A reply that
cannot be read is unparsed and scores nothing: no metric ever guesses for a model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.metrics.interval import of_sums

Facts = Mapping[str, Any]  # what the question says beside its words: choices, category, the picture it is about


@dataclass(frozen=True, slots=True)
class Mark:
    """What a metric made of one reply: `said` in normal form (None: unparsed), its `score`, and what an aggregate needs."""

    said: Any
    score: float
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parsed(self) -> bool:
        """Whether anything could be read from the reply."""
        return self.said is not None


@dataclass(frozen=True, slots=True)
class Marked:
    """One marked reply with what it was marked by."""

    id: str
    gold: Any
    facts: Facts
    mark: Mark


@dataclass(frozen=True, slots=True)
class Terms:
    """What a number is a function of: what each unit adds (U, K), and `value`: sums (…, K) → (…)."""

    units: Any
    value: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Number:
    """One number over `count` units (`unparsed` of the replies unreadable), with a 95% bootstrap interval.

    `low` and `high` are NaN where the number has no interval; a metric says so in its docstring. `unit` is "share" for
    numbers in [0, 1] that people write as per cent, and "points" for all others (MME's 2000, errors). `terms` are there
    where the number is a function of sums: two models' numbers are compared unit by unit.
    """

    metric: str
    value: float
    count: int
    unparsed: int
    low: float
    high: float
    higher_is_better: bool = True
    unit: Literal["share", "points"] = "share"
    terms: Terms | None = field(default=None, compare=False, repr=False)


@config
class Metric(Config):
    """One rule of scoring. `label` names its main number, `variant` whose rule it is, `ties` what happens to equals.

    `source` is the file whose behaviour it matches. Subclasses implement `extract` and `match`, and `aggregate` where the
    number is not the mean of the scores.
    """

    label: ClassVar[str] = "accuracy"
    variant: ClassVar[str] = "official"  # or vlmevalkit, lmms-eval, evalai, …
    source: ClassVar[str] = ""
    ties: ClassVar[str] = "none are possible"

    def extract(self, raw: str, facts: Facts) -> Any:
        """Reply as the model gave it → what it says, or None if that cannot be read."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing yet")

    def normalise(self, said: Any, facts: Facts) -> Any:
        """What was read → the form that is compared. It stays as it is unless the rule has a normal form."""
        return said

    def match(self, said: Any, gold: Any, facts: Facts) -> float | Mark:
        """Normal form + what is right → score, or a Mark where the aggregate needs more than that. `gold` comes as stored."""
        raise NotImplementedError(f"{type(self).__name__} compares nothing yet")

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → its mark: extracted, normalised, matched."""
        said = self.extract(raw, facts)
        if said is None:
            return self.unread(gold, facts)
        said = self.normalise(said, facts)
        found = self.match(said, gold, facts)
        return found if isinstance(found, Mark) else Mark(said, float(found))

    def unread(self, gold: Any, facts: Facts) -> Mark:
        """The mark of a reply that cannot be read: wrong, and counted as unparsed."""
        return Mark(None, 0.0)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies in any order → numbers, the main one first. DataError if there are none."""
        return (mean(self.label, marked),)


def mean(label: str, marked: Sequence[Marked]) -> Number:
    """Marked replies → the mean of their scores; every reply is in the denominator."""
    return number(label, marked, [(one.mark.score, 1.0) for one in marked], lambda sums: sums[..., 0] / sums[..., 1])


def number(
    label: str,
    marked: Sequence[Marked],
    terms: Any,
    value: Any,
    *,
    higher_is_better: bool = True,
    unit: Literal["share", "points"] = "share",
) -> Number:
    """Marked replies + what each unit adds (U, K) + `value`: sums (…, K) → (…) → Number with its bootstrap interval.

    A unit is what is drawn together: a reply, or all replies about one picture. So an accuracy, an F1, a cIoU, a BLEU and
    a sum of sub-scores are all functions of sums. The seed is that of the label. DataError if there are no units.
    """
    if not len(terms):
        raise DataError(label, "no answers to score", "at least one", "ask the questions first")
    found, low, high = of_sums(terms, value, label)
    unparsed = sum(not one.mark.parsed for one in marked)
    return Number(label, found, len(terms), unparsed, low, high, higher_is_better, unit, Terms(terms, value))


def grouped(marked: Sequence[Marked], *facts: str) -> dict[tuple[Any, ...], list[Marked]]:
    """Marked replies + names of facts → the replies per value of them, in order of first sight. KeyError for a missing fact."""
    groups: dict[tuple[Any, ...], list[Marked]] = {}
    for one in marked:
        groups.setdefault(tuple(one.facts[name] for name in facts), []).append(one)
    return groups

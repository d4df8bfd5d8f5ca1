"""Taxonomy: the abilities that benchmarks name → eight groups; verdicts of many benchmarks → a mean per ability and per group.

A mean is over kinds of benchmarks (RefCOCO's eight splits are one kind), of main numbers that are shares where higher is
better. Points and losses have no common scale with them and stay out: `beside` names them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omma.evaluate.benchmark import Benchmark
from omma.evaluate.published import Published
from omma.schema.verdict import Verdict

GROUPS: dict[str, tuple[str, ...]] = {
    "perception": ("perception", "general", "attributes", "counting", "classification", "modality integration"),
    "text and documents": ("text", "documents", "charts", "diagrams"),
    "knowledge": ("knowledge", "science"),
    "reasoning": ("reasoning", "mathematics", "agent"),
    "space": ("grounding", "detection", "segmentation", "spatial", "relations"),
    "composition": ("compositionality", "word order", "paraphrase", "retrieval", "embedding", "captioning"),
    "faithfulness": ("hallucination", "judging"),
    "several pictures and video": ("several pictures", "video", "long video", "time"),
}
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of one ability or group, that of its trivial guesses if all have one, and which benchmarks stand behind it."""

    name: str
    value: float
    trivial: float | None
    benchmarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """Means of groups and of single abilities, both in the order of the taxonomy; `beside` are benchmarks that no mean counts."""

    groups: tuple[Mean, ...]
    abilities: tuple[Mean, ...]
    beside: tuple[str, ...]


def group_of(ability: str) -> str:
    """Ability → its group; `other` for a word that the taxonomy does not know."""
    return next((group for group, words in GROUPS.items() if ability in words), OTHER)


def main_verdicts(verdicts: Sequence[Verdict]) -> dict[str, Verdict]:
    """Verdicts as a folder holds them → the first of each benchmark, which is its official number over all questions."""
    found: dict[str, Verdict] = {}
    for verdict in verdicts:
        found.setdefault(verdict.benchmark, verdict)
    return found


def ability_means(verdicts: Sequence[Verdict], suite: Sequence[Benchmark]) -> Means:
    """Main verdicts of one model + the benchmarks that they are of → means. Held-out samples of a run have no abilities."""
    scored = {one.name: one for one in suite if isinstance(one, Published)}
    counted = [one for one in verdicts if one.benchmark in scored and _is_share(one)]
    words = {one.benchmark: scored[one.benchmark].abilities for one in counted}
    kinds = {one.benchmark: type(scored[one.benchmark]).__name__ for one in counted}
    order = dict.fromkeys([word for known in GROUPS.values() for word in known] + [word for own in words.values() for word in own])
    abilities = {word: [one for one in counted if word in words[one.benchmark]] for word in order}
    groups = {group: [one for one in counted if group in map(group_of, words[one.benchmark])] for group in (*GROUPS, OTHER)}
    named = {one.benchmark for one in counted if words[one.benchmark]}
    return Means(
        tuple(_mean(name, found, kinds) for name, found in groups.items() if found),
        tuple(_mean(name, found, kinds) for name, found in abilities.items() if found),
        tuple(one.benchmark for one in verdicts if one.benchmark not in named),
    )


def shared_benchmarks(columns: Mapping[str, Sequence[Verdict]]) -> dict[str, list[Verdict]]:
    """Verdicts per model → the main ones of the benchmarks that every model has, so that means compare like with like."""
    mains = {name: main_verdicts(verdicts) for name, verdicts in columns.items()}
    everywhere = set.intersection(*(set(found) for found in mains.values())) if mains else set()
    return {name: [one for key, one in found.items() if key in everywhere] for name, found in mains.items()}


def _is_share(verdict: Verdict) -> bool:
    return verdict.unit == "share" and verdict.higher_is_better and not math.isnan(verdict.value)


def _mean(name: str, verdicts: Sequence[Verdict], kinds: Mapping[str, str]) -> Mean:
    """The mean over kinds of benchmarks of their own means."""
    by_kind: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_kind.setdefault(kinds[one.benchmark], []).append(one)
    value = _average([_average([one.value for one in group]) for group in by_kind.values()])
    guesses = [[one.trivial for one in group if one.trivial is not None] for group in by_kind.values()]
    whole = all(len(found) == len(group) for found, group in zip(guesses, by_kind.values(), strict=True))
    trivial = _average([_average(found) for found in guesses]) if whole else None
    return Mean(name, value, trivial, tuple(one.benchmark for one in verdicts))


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)

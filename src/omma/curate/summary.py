"""Summary: all rows with their fates → what later steps and the report need to know of curation, as plain values."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omma.core.seeds import generator
from omma.curate.data import Data
from omma.curate.flaws import found_flaws
from omma.curate.operator import words_of
from omma.schema.sample import Sample

EXAMPLES = 6  # of each operator
TEXT = 200  # letters of an example
BINS = 20


@dataclass(slots=True)
class Member:
    """A row on its way: `gone` names the operator that took it out, `failed` that it was an error; scores by operator."""

    sample: Sample
    heldout: bool
    gone: str = ""
    reason: str = ""
    failed: bool = False
    scores: dict[str, float] = field(default_factory=dict)


def summarise(data: Data, members: Sequence[Member], root: Path, seed: int) -> dict[str, Any]:
    """Facts of a finished curation. `seed` chooses the examples."""
    train = [m.sample for m in members if not m.gone and not m.heldout]
    return {
        "seen": len(members),
        "kept": len(train),
        "heldout": sum(not m.gone and m.heldout for m in members),
        "dropped": sum(bool(m.gone) and not m.failed for m in members),
        "errors": sum(m.failed for m in members),
        "pictures": len({item.sha256 for sample in train for item in sample.media}),
        "tasks": dict(sorted(Counter(sample.task for sample in train).items())),
        "operators": _operators(data, members),
        "examples": _examples(members, seed),
        "flaws": found_flaws([m.sample for m in members if not m.heldout], {m.sample.id: m.gone for m in members if m.gone}, root),
    }


def _operators(data: Data, members: Sequence[Member]) -> list[dict[str, Any]]:
    """For each operator in order: how many came in and went out, and how its scores lie."""
    rows, left = [], len(members) - sum(m.gone == "read" for m in members)
    for operator in data.operators:
        gone = [m for m in members if m.gone == operator.name]
        scores = [m.scores[operator.name] for m in members if operator.name in m.scores]
        errors = sum(m.failed for m in gone)
        facts = {"name": operator.name, "version": operator.version, "threshold": operator.threshold, "in": left}
        left -= len(gone)
        rows.append(facts | {"out": left, "dropped": len(gone) - errors, "errors": errors, "scores": _histogram(scores)})
    return rows


def _histogram(scores: list[float]) -> dict[str, list[float]]:
    """Scores → edges of 20 bins and counts; nothing where no score is finite."""
    finite = np.array([score for score in scores if math.isfinite(score)])
    if not len(finite):
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(finite, BINS)
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist()}


def _examples(members: Sequence[Member], seed: int) -> list[dict[str, str]]:
    """A few of those that each operator took out, drawn by seed, in the order of reading."""
    examples = []
    for name in dict.fromkeys(m.gone for m in members if m.gone):
        gone = [m for m in members if m.gone == name]
        chosen = generator(seed, "examples", name).permutation(len(gone))[:EXAMPLES]
        examples += [_example(gone[i]) for i in sorted(chosen)]
    return examples


def _example(member: Member) -> dict[str, str]:
    sample = member.sample
    uri = sample.media[0].uri if sample.media else ""
    text = words_of(sample)[:TEXT]
    return {"operator": member.gone, "sample_id": sample.id, "uri": uri, "text": text, "reason": member.reason}

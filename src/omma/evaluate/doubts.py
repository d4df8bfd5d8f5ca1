"""Doubts: the records of one benchmark in two folders → why their scores may differ for other reasons than the models.

The same model scored by two programs differs by what it was told, what it was shown and how it was sampled; records say.
"""

from collections.abc import Callable, Sequence
from typing import Any

from omma.core.config import to_data
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.compare import Shared
from omma.evaluate.published import UNANSWERED, Published
from omma.schema.verdict import Record

NOT_KNOWN = ("", "recorded", None)
SHOWN = 3


def doubts(shared: Shared, other: Benchmark) -> list[str]:
    """What differs beside the replies, one sentence each; none if both were asked the same. `other` is B's benchmark."""
    found = [*_questions(shared), *_told(shared), *_sampled(shared), *_ruled(shared.benchmark, other)]
    silent = [sum(record.details.get("finish") in UNANSWERED for record in side) for side in (shared.records_a, shared.records_b)]
    if any(silent):
        found.append(f"questions that got no answer at all: {silent[0]} of A, {silent[1]} of B")
    return found


def same_model(shared: Shared) -> bool:
    """Whether both folders hold answers of one model, as far as it can be told."""
    models = [{record.details.get("model") for record in side} for side in (shared.records_a, shared.records_b)]
    return models[0] == models[1] and len(models[0]) == 1 and None not in models[0]


def _questions(shared: Shared) -> list[str]:
    a, b = ({record.sample_id for record in side} for side in (shared.all_a, shared.all_b))
    found = []
    if a != b:
        only = [f"{len(more)} only in {name} ({_such(more)})" for name, more in (("A", a - b), ("B", b - a)) if more]
        found.append(f"other questions: {' and '.join(only)}; the {len(a & b)} that are in both are compared")
    golds = _differing(shared, lambda record: record.gold)
    return found + ([f"other right answers to {_count(golds, shared)}; A's count for A, B's for B"] if golds else [])


def _told(shared: Shared) -> list[str]:
    found = []
    for name, key in (("prompts", "prompt"), ("pictures", "picture"), ("sights", "sight")):
        sides = [{_asked(record, key) for record in side} for side in (shared.records_a, shared.records_b)]
        dark = [letter for letter, values in zip("AB", sides, strict=True) if values <= set(NOT_KNOWN)]
        if len(dark) == 1 or (dark and key == "prompt"):
            found.append(f"{name} of {' and '.join(dark)} are not known")
            continue
        other = _differing(shared, lambda record, key=key: _asked(record, key))  # type: ignore[misc]
        if other:
            found.append(f"other {name} in {_count(other, shared)}")
    return found


def _sampled(shared: Shared) -> list[str]:
    a, b = (dict(_asked(side[0], "sampling") or {}) for side in (shared.records_a, shared.records_b))
    changes = [f"{name} {a.get(name)} → {b.get(name)}" for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
    return [f"other sampling: {', '.join(changes)}"] if changes else []


def _ruled(mine: Benchmark, other: Benchmark) -> list[str]:
    """Both sides are scored by A's metrics; B's are named where they differ."""
    if not (isinstance(mine, Published) and isinstance(other, Published)):
        return [] if type(mine) is type(other) else ["another kind of benchmark of the same name in B; A's is used for both"]
    metrics = [to_data(one.metrics) for one in (mine, other)]
    names = [", ".join(type(metric).__name__ for metric in one.metrics) for one in (mine, other)]
    return [f"other metrics in B ({names[1]}); A's are used for both ({names[0]})"] if metrics[0] != metrics[1] else []


def _differing(shared: Shared, said: Callable[[Record], Any]) -> list[str]:
    pairs = zip(shared.records_a, shared.records_b, strict=True)
    return [one.sample_id for one, other in pairs if said(one) != said(other)]


def _asked(record: Record, key: str) -> Any:
    return record.details.get("asked", {}).get(key)


def _count(ids: Sequence[str], shared: Shared) -> str:
    return f"{len(ids)} of {len(shared.records_a)} questions ({_such(ids)})"


def _such(ids: Sequence[str] | set[str]) -> str:
    first = sorted(ids)[:SHOWN] if isinstance(ids, set) else list(ids)[:SHOWN]
    return "such as " + ", ".join(first)

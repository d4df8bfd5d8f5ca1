"""Joining: single questions about one picture → conversations of several turns, so that a picture is seen once for all of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from omma.core.ledger import Entry
from omma.core.seeds import generator
from omma.schema.sample import Sample, Turn

OPERATOR, VERSION = "joining", "1"


@dataclass(frozen=True, slots=True)
class Joined:
    """Samples after joining, and a ledger row for each that now is part of another."""

    samples: list[Sample]
    entries: list[Entry]


def join_turns(samples: Sequence[Sample], turns: int, seed: int) -> Joined:
    """Samples → the same with up to `turns` question-answer pairs about one picture in one conversation.

    Only samples of one question and one answer about one picture are joined, within their source. The order of turns is
    drawn by picture, the order of samples follows each conversation's first. With `turns` 1 nothing changes.
    """
    if turns <= 1:
        return Joined(list(samples), [])
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        key = (sample.source, sample.media[0].uri) if _joinable(sample) else ("", f"{i}")
        groups[key].append(i)
    joined: list[tuple[int, Sample]] = []
    entries: list[Entry] = []
    for (source, uri), members in groups.items():
        order = generator(seed, "joining", source, uri).permutation(members).tolist() if len(members) > 1 else members
        for part in _parts(order, turns):
            first = samples[part[0]]
            joined.append((min(part), _join([samples[i] for i in part])))
            reason = f"now a turn of {first.id}"
            entries += [Entry(samples[i].id, source, OPERATOR, VERSION, "rewrite", reason) for i in part[1:]]
    return Joined([sample for _, sample in sorted(joined, key=lambda pair: pair[0])], entries)


def _joinable(sample: Sample) -> bool:
    return len(sample.media) == 1 and [turn.role for turn in sample.turns] == ["user", "assistant"] and not sample.rejected


def _parts(order: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _join(samples: Sequence[Sample]) -> Sample:
    """The first sample with the turns of all; the picture stands once, in the first turn, and regions are renumbered."""
    first = samples[0]
    if len(samples) == 1:
        return first
    turns, regions = list(first.turns), list(first.regions)
    for sample in samples[1:]:
        turns += [_moved(turn, len(regions)) for turn in sample.turns]
        regions += sample.regions
    tasks = {sample.task for sample in samples}
    return replace(first, task=tasks.pop() if len(tasks) == 1 else "", turns=tuple(turns), regions=tuple(regions), answer=None)


def _moved(turn: Turn, offset: int) -> Turn:
    parts = [part for part in turn.parts if part.kind not in ("image", "video")]
    return Turn(turn.role, tuple(replace(p, index=p.index + offset) if p.kind == "region" else p for p in parts))

"""Answers: records of the final moment → a few right and wrong ones per task, with pictures and boxes; and generated captions."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from omma.report.facts import Facts
from omma.report.gallery import Gallery, Shown
from omma.schema.verdict import Record

PER_TASK, WORST, CAPTIONS = 2, 12, 8
ANSWER_CHARACTERS = 400
CAPTION_TASKS = ("caption",)


@dataclass(frozen=True, slots=True)
class Shot:
    """One answered question as the page shows it."""

    picture: Shown
    task: str
    prompt: str
    gold: str
    answer: str
    good: bool
    note: str


def samples(facts: Facts, gallery: Gallery) -> tuple[Shot, ...]:
    """A few right answers of each task and benchmark, chosen by a fixed seed."""
    chosen = []
    for records in _groups(facts).values():
        right = [record for record in records if record.correct is not None and record.correct >= 0.5]
        chosen += random.Random(0).sample(right, min(PER_TASK, len(right)))
    return tuple(_shot(record, gallery) for record in chosen)


def mistakes(facts: Facts, gallery: Gallery) -> tuple[Shot, ...]:
    """Wrong answers, the surest first where the records tell how sure the model was, else spread over the tasks."""
    wrong = [[r for r in records if r.correct is not None and r.correct < 0.5] for records in _groups(facts).values()]
    ranked = [sorted(records, key=_surprise) for records in wrong]
    turns = [records[turn] for turn in range(WORST) for records in ranked if turn < len(records)]
    return tuple(_shot(record, gallery) for record in turns[:WORST])


def captions(facts: Facts, gallery: Gallery) -> tuple[Shot, ...]:
    """Generated captions beside what people wrote."""
    records = [r for records in facts.records.get(facts.final, {}).values() for r in records if _is_caption(r)]
    return tuple(_shot(record, gallery) for record in records[:CAPTIONS])


def _groups(facts: Facts) -> dict[tuple[str, str], list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for benchmark, records in facts.records.get(facts.final, {}).items():
        for record in records:
            groups.setdefault((benchmark, record.task), []).append(record)
    return groups


def _is_caption(record: Record) -> bool:
    return record.correct is None and bool(record.raw)


def _surprise(record: Record) -> tuple[bool, float]:
    """Sort key: answers that could be read first, the likeliest first."""
    return not record.parsed, -float(record.details.get("logprob", 0.0))


def _shot(record: Record, gallery: Gallery) -> Shot:
    good = record.correct is None or record.correct >= 0.5
    boxes = []
    if _is_box(record.gold):
        boxes.append(("gold", record.gold))
    found = record.details.get("box")
    if _is_box(found):
        boxes.append(("right" if good else "wrong", found))
    gold = "" if _is_box(record.gold) else _words(record.gold)
    note = "" if record.parsed else "could not be read as an answer"
    return Shot(gallery.show(record.picture, boxes), record.task, _cut(record.prompt), _cut(gold), _cut(record.raw), good, note)


def _is_box(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 4
        and all(isinstance(x, int | float) for x in value)
    )


def _words(gold: object) -> str:
    if isinstance(gold, str):
        return gold
    return " | ".join(map(str, dict.fromkeys(gold))) if isinstance(gold, Sequence) else str(gold)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= ANSWER_CHARACTERS else f"{text[:ANSWER_CHARACTERS]} … ({len(text):,} characters)"

"""Marks: records → the same with what was read from each reply and whether it is right; marked records → a Verdict.

An answer that cannot be read counts as wrong and as unparsed. Nothing is ever guessed for the model.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from omma.core.errors import DataError
from omma.core.seeds import derive
from omma.evaluate.known import Known
from omma.metrics.box import accuracy_at
from omma.metrics.interval import bootstrap
from omma.metrics.text import exact, normalise
from omma.schema.verdict import Record, Verdict

SHOWN = 200  # characters of what was read from a reply that a record keeps
IOU = 0.5


def mark_text(record: Record, known: Known) -> Record:
    """Record of a question in words → marked by exact match in normal form.

    Readable is what the task's training answers or this record's gold hold, a number where those hold numbers, and
    any words at all if the task is open.
    """
    said, answers = normalise(record.raw), known.answers.get(record.task, ())
    correct = exact(record.raw, record.gold)
    readable = bool(said) and (not answers or said in answers or (said.isdecimal() and any(map(str.isdecimal, answers))))
    return replace(record, extracted=said[:SHOWN], correct=correct, parsed=readable or correct == 1.0)


def mark_box(record: Record) -> Record:
    """Record of a question for a place → marked by IoU ≥ 0.5 of the first box in the reply (xyxy px, in `details`)."""
    box = readable_box(record.details.get("boxes", ()))
    correct = accuracy_at(box, record.gold, IOU)
    if box is None:
        return replace(record, extracted="", correct=correct, parsed=False)
    details = record.details | {"box": list(box)}
    return replace(record, extracted=", ".join(f"{side:.1f}" for side in box), correct=correct, parsed=True, details=details)


def readable_box(boxes: Sequence[Sequence[float]]) -> tuple[float, ...] | None:
    """Boxes of a reply → the first, or None if there is none or its corners are not four numbers."""
    first = tuple(boxes[0]) if boxes else ()
    return first if len(first) == 4 and all(math.isfinite(value) for value in first) else None


def asks_for_box(record: Record) -> bool:
    """Whether a record's gold is a box."""
    return len(record.gold) == 4 and not isinstance(record.gold[0], str)


def guessed(record: Record, known: Known) -> float | None:
    """What the best constant guess of the record's task scores on it; None if no training answer of the task is known."""
    if asks_for_box(record):
        if record.task not in known.box:
            return None
        width, height = record.details["size"]
        x0, y0, x1, y1 = known.box[record.task]
        return accuracy_at((x0 * width, y0 * height, x1 * width, y1 * height), record.gold, IOU)
    return exact(known.guess[record.task], record.gold) if record.task in known.guess else None


def verdict(benchmark: str, metric: str, subset: str, records: Sequence[Record], trivial: Sequence[float | None]) -> Verdict:
    """Marked records and the trivial guess's marks → mean, with a seeded 95% bootstrap interval. DataError if there are none."""
    if not records:
        raise DataError(f"{benchmark}.{subset}", "no records to score", "at least one", "run `omma eval` first")
    marks = [float(record.correct or 0.0) for record in records]
    low, high = bootstrap(marks, derive(0, "interval", benchmark, subset))
    known = [mark for mark in trivial if mark is not None]
    guess = math.fsum(known) / len(known) if known and len(known) == len(records) else None
    unparsed = sum(not record.parsed for record in records)
    return Verdict(benchmark, metric, subset, math.fsum(marks) / len(marks), len(records), unparsed, low, high, guess)

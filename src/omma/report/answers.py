"""Answers: records of a moment → right and wrong ones with pictures and boxes, captions, and replies that nobody could read."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from omma.evaluate.asking.replies import Replies
from omma.evaluate.published import UNANSWERED, Published
from omma.report.facts import Facts
from omma.report.gallery import Gallery, Shown
from omma.schema.verdict import Record

PER_TASK, RIGHT, WORST, CAPTIONS, UNREAD = 2, 12, 12, 8, 24
ANSWER_CHARACTERS = 400
Galleries = Callable[[Path], Gallery]


@dataclass(frozen=True, slots=True)
class Shot:
    """One answered question as the page shows it."""

    picture: Shown
    benchmark: str
    sample_id: str
    task: str
    prompt: str
    gold: str
    answer: str
    good: bool
    note: str


@dataclass(frozen=True, slots=True)
class Unread:
    """One reply that could not be read as an answer, and why."""

    benchmark: str
    sample_id: str
    prompt: str
    answer: str
    why: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What a report shows of one moment's answers; `num_unread` and `num_wrong` count all of them, not the ones shown."""

    moment: str
    right: tuple[Shot, ...]
    wrong: tuple[Shot, ...]
    captions: tuple[Shot, ...]
    unread: tuple[Unread, ...]
    num_wrong: int
    num_unread: int


def answers(facts: Facts, moment: str, galleries: Galleries) -> Answers:
    """Facts + moment → its answers, those of every benchmark and task in turn; wrong ones the surest first."""
    right, wrong, captions, unread = [], [], [], []
    counts = [0, 0]
    for name in facts.benchmarks(moment):
        records, benchmark = facts.records(moment, name), facts.benchmark(moment, name)
        graded = facts.is_graded(moment, name)
        shot = _Shooter(name, benchmark, galleries(facts.root_of(name)), graded)
        answered = [record for record in records if graded and record.correct is not None]
        bad = [record for record in answered if not _is_right(record)]
        dark = [record for record in records if not record.parsed]
        right.append([(shot, record) for record in _drawn([r for r in answered if _is_right(r)])])
        wrong.append([(shot, record) for record in islice(_in_turn(_tasks(sorted(bad, key=_surprise))), WORST)])
        free = benchmark is None or not graded
        captions.append([(shot, r) for r in records if free and r.raw and (r.correct is None or not graded)][:CAPTIONS])
        unread.append([_unread(name, record) for record in dark[:UNREAD]])
        counts = [counts[0] + len(bad), counts[1] + len(dark)]
    shots = [
        tuple(shot.of(record) for shot, record in islice(_in_turn(part), most))
        for part, most in ((right, RIGHT), (wrong, WORST), (captions, CAPTIONS))
    ]
    return Answers(moment, shots[0], shots[1], shots[2], tuple(islice(_in_turn(unread), UNREAD)), counts[0], counts[1])


@dataclass(frozen=True, slots=True)
class _Shooter:
    """Records of one benchmark → shots."""

    name: str
    benchmark: Published | None
    gallery: Gallery
    graded: bool

    def of(self, record: Record) -> Shot:
        good = record.correct is None or _is_right(record) or not self.graded
        boxes = [("gold", record.gold)] if _is_box(record.gold) else []
        found = self._box(record)
        boxes += [("right" if good else "wrong", found)] if _is_box(found) else []
        return Shot(
            picture=self.gallery.show(record.picture, boxes),
            benchmark=self.name,
            sample_id=record.sample_id,
            task=record.task or self.name,
            prompt=_cut(record.prompt),
            gold="" if _is_box(record.gold) else _cut(_words(record.gold)),
            answer=_cut(self._said(record)),
            good=good,
            note="" if good and record.parsed else _note(record),
        )

    def _said(self, record: Record) -> str:
        """The reply; where none was written (choices were ranked, vectors given), what was read from the scores."""
        written = self.benchmark is None or isinstance(self.benchmark.asking, Replies)
        return record.raw if written else record.extracted

    def _box(self, record: Record) -> Any:
        """The box of the reply in px: as a held-out record keeps it, or as the main metric reads it."""
        if self.benchmark is None or not _is_box(record.gold):
            return record.details.get("box")
        return self.benchmark.judged(self.benchmark.metrics[0], record).mark.details.get("box")


def _is_right(record: Record) -> bool:
    return record.correct is not None and record.correct >= 0.5


def _drawn(records: Sequence[Record]) -> list[Record]:
    """A few of each task, chosen by a fixed seed."""
    return list(chain(*(random.Random(0).sample(one, min(PER_TASK, len(one))) for one in _tasks(records))))


def _tasks(records: Iterable[Record]) -> list[list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.task, []).append(record)
    return list(groups.values())


def _in_turn(groups: Sequence[Sequence[Any]]) -> Iterator[Any]:
    """The first of each group, then the second of each, and so on."""
    end = object()
    return (item for turn in zip_longest(*groups, fillvalue=end) for item in turn if item is not end)


def _surprise(record: Record) -> tuple[bool, float]:
    """Sort key: answers that could be read first, the likeliest first."""
    return not record.parsed, -float(record.details.get("logprob", 0.0))


def _note(record: Record) -> str:
    """What stands below an answer: why it could not be read, or how sure of a wrong one the model was."""
    if not record.parsed:
        return _why(record)
    logprob = record.details.get("logprob")
    sure = record.details.get("tokens") and isinstance(logprob, int | float) and logprob <= 0
    return f"{math.exp(logprob):.0%} sure of it" if sure and logprob is not None else ""


def _unread(name: str, record: Record) -> Unread:
    return Unread(name, record.sample_id, _cut(record.prompt), _cut(record.raw), _why(record))


def _why(record: Record) -> str:
    finish = record.details.get("finish")
    if finish in UNANSWERED:
        words = {"missing": "no answer in the file", "unreadable": "its picture cannot be read", "error": "asking failed"}
        error = str(record.details.get("error", ""))
        return words[str(finish)] + (f": {_cut(error)}" if error else "")
    return "cut off at the limit of tokens" if finish == "length" else "could not be read as an answer"


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
    return " | ".join(map(str, dict.fromkeys(map(str, gold)))) if isinstance(gold, Sequence) else str(gold)


def _cut(text: str) -> str:
    text = " ".join(text[: 8 * ANSWER_CHARACTERS].split()) + ("" if len(text) <= 8 * ANSWER_CHARACTERS else " …")
    return text if len(text) <= ANSWER_CHARACTERS else f"{text[:ANSWER_CHARACTERS]} …"

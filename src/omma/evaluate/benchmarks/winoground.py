"""Winoground: two pictures, two captions of the same words in another order: which belongs to which? (arXiv 2204.03162)

    data/examples.jsonl       rows with id, caption_0, caption_1, image_0, image_1 (names without ending), tag, collapsed_tag
    data/images.zip           their pictures, or the folder images that it holds; .png
    winoground.parquet        the same rows with the pictures inside, as the hub gives them

Each picture is a question of its own, asked about both captions; the scores join the two.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import Compared
from omma.evaluate.known import Known
from omma.evaluate.layouts import find_pictures
from omma.evaluate.marks import SHOWN
from omma.evaluate.published import UNANSWERED, Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.metrics.metric import Marked, Metric
from omma.metrics.pairs.winoground import Winoground
from omma.metrics.structured import as_numbers, parse
from omma.schema.verdict import Record

PICTURES, CAPTIONS = ("image_0", "image_1"), ("caption_0", "caption_1")


@config
class WinogroundQuestions(Published):
    """`words` ask a model that writes. Numbers count examples, of which records hold two each."""

    about: ClassVar[str] = "two pictures and two captions of the same words"
    abilities: ClassVar[tuple[str, ...]] = ("compositionality",)
    size: ClassVar[int] = 800
    layout: ClassVar[str] = "a folder data with examples.jsonl and images.zip (or a folder images), or a .parquet file"

    name: str = "winoground"
    path: str = "data/examples.jsonl"
    words: str = ""
    asking: Asking = Compared()
    metrics: tuple[Metric, ...] = (Winoground(),)
    subsets: tuple[str, ...] = ("collapsed_tag",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Table → two questions an example, the first picture first."""
        places = find_pictures(file, uri, ["images"])
        for number, row in enumerate(read_rows(file, uri, PICTURES)):
            where = f"{uri}:{number}"
            name, captions = str(row.get("id", number)), tuple(str(need(row, one, where)) for one in CAPTIONS)
            for at, column in enumerate(PICTURES):
                shown = need(row, column, where)
                picture = shown[0] if isinstance(shown, tuple) else f"{places}{shown}.png"
                facts = {"example": name, "picture": at, "collapsed_tag": str(row.get("collapsed_tag", ""))}
                yield Question(asking(f"{name}:{at}", self.words, [picture]), captions[at], facts, captions)

    def limited(self, questions: Sequence[Any]) -> list[Any]:
        """Questions (or samples) → those of `limit` examples."""
        examples = super().limited(range(0, len(questions), 2))
        return [questions[first + at] for first in examples for at in (0, 1)]

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → each marked by the group score of its example."""
        marks = {str(one.facts["example"]): one.mark for one in self.marked(self.metrics[0], records)}
        found = [(record, marks[str(record.facts["example"])]) for record in records]
        return [replace(record, extracted=record.raw[:SHOWN], correct=mark.score, parsed=mark.parsed) for record, mark in found]

    def marked(self, metric: Metric, records: Sequence[Record]) -> list[Marked]:
        """Metric + all records → a mark an example, under the id of its first picture."""
        return super().marked(metric, _joined(records))

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for every pair."""
        return ("[[0.0, 0.0], [0.0, 0.0]]",)


def _joined(records: Sequence[Record]) -> list[Record]:
    """Records of single pictures → one an example, whose reply is [[c0 i0, c0 i1], [c1 i0, c1 i1]]; unparsed if half is missing."""
    examples: dict[str, dict[int, Record]] = {}
    for record in records:
        examples.setdefault(str(record.facts["example"]), {})[int(record.facts["picture"])] = record
    return [_table(halves) for halves in examples.values()]


def _table(halves: dict[int, Record]) -> Record:
    first = next(iter(halves.values()))
    asked = [halves[at] for at in (0, 1) if at in halves and halves[at].details.get("finish") not in UNANSWERED]
    scores = [as_numbers(parse(half.raw)) for half in asked]
    columns = [row for row in scores if row is not None and len(row) == 2]
    raw = json.dumps(list(zip(*columns, strict=True))) if len(columns) == 2 else ""
    return replace(first, raw=raw, details={})

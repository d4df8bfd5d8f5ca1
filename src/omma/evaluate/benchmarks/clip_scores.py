"""CLIPScore: how near do captions that somebody wrote lie to their pictures, in the eyes of a space? (arXiv 2104.08718)

    candidates.json     {picture: caption}: what is scored
    references.json     {picture: [captions]}, beside it: for RefCLIPScore
    images/….jpg        the pictures, beside it, called by their file's name without its ending
    coco_caption.jsonl  instead of the first two: records of captions that `omma eval` has asked for, whose pictures lie
                        where they lay then, below the same data root

The model that is asked is the judge: take CLIP ViT-B/32 for the figures of the paper.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import ComparedWithReferences
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.media.store import PICTURES
from omma.metrics.captions.clip_score import PREFIX, ClipScore
from omma.metrics.metric import Metric
from omma.schema.verdict import Record


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture's name in the store, the caption that is scored, and what people wrote."""

    id: str
    picture: str
    caption: str
    references: tuple[str, ...]


@config
class ClipScoreQuestions(Published):
    """`prefix` stands before captions and references, as the authors have it. With references, RefCLIPScore can be a metric."""

    about: ClassVar[str] = "captions by their nearness to the picture"
    abilities: ClassVar[tuple[str, ...]] = ("captioning",)
    layout: ClassVar[str] = "candidates.json (and references.json) with a folder images, or records of a caption benchmark (.jsonl)"

    path: str = "candidates.json"
    pictures: str = "images"
    references: str = ""
    prefix: str = PREFIX
    asking: Asking = ComparedWithReferences()
    metrics: tuple[Metric, ...] = (ClipScore(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → one question a picture: [candidate, references …]."""
        for one in self._recorded(file, uri) if file.suffix == ".jsonl" else self._published(file, uri):
            choices = tuple(f"{self.prefix}{text}" for text in (one.caption, *one.references))
            yield Question(asking(one.id, "", [one.picture], task="caption"), one.caption, {}, choices)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Nothing that is said without looking has a nearness."""
        return ()

    def _published(self, file: Path, uri: str) -> Iterator[Candidate]:
        folder = file.parent / self.pictures
        names = {entry.stem: entry.name for entry in sorted(folder.iterdir())} if folder.is_dir() else {}
        beside = file.parent / self.references if self.references else None
        references = _table(beside, self.beside(uri, self.references)) if beside else {}
        for name, caption in _table(file, uri).items():
            if beside and not references.get(name):
                raise DataError(self.beside(uri, self.references), f"no references of {name!r}", "one or more for each candidate")
            picture = self.beside(uri, f"{self.pictures}/{names.get(name, name + PICTURES[0])}")
            yield Candidate(name, picture, str(caption), tuple(map(str, references.get(name, ()))))

    def _recorded(self, file: Path, uri: str) -> Iterator[Candidate]:
        for number, row in enumerate(read_rows(file, uri)):
            where = f"{uri}:{number + 1}"
            gold = row.get("gold") if self.references else ()
            told = tuple(map(str, gold)) if isinstance(gold, list) else ()
            picture = str(need(row, "picture", where))
            yield Candidate(str(need(row, "sample_id", where)), picture, str(row.get("raw", "")), told)


def _table(file: Path, uri: str) -> dict[str, Any]:
    """JSON file → an object of values by picture. DataError for anything else."""
    if not file.is_file():
        raise DataError(uri, "no such file", "an object of captions by picture")
    try:
        found = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(uri, f"no JSON: {error}", "an object of captions by picture") from None
    if not isinstance(found, dict) or not found:
        raise DataError(
            uri, f"a {type(found).__name__} of {len(found) if isinstance(found, list | dict) else 1}", "an object of captions"
        )
    return found

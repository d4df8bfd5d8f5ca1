"""Questions with answers, as ms-swift, Alpaca and VQA sets have them, in JSON Lines or one JSON array → samples.

Fields {"query", "response", "history"}, {"instruction", "input", "output"} or {"question", "answer"}; `image` or `images`
names pictures, also as an object of placeholder → name (MiniCPM-V). `<image>` in a question stands for the next picture.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.conversation import TALKS, talk
from omma.curate.formats.fields import mapping, texts
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.rows import Row, json_rows
from omma.curate.formats.sniff import array_objects, beside, first_objects
from omma.curate.reader import Broken, Names, attempt, parent
from omma.schema.sample import Answer, Media, Sample

PAIRS = (("query", "response"), ("instruction", "output"), ("question", "answer"), ("question", "answers"), ("prompt", "response"))


@config
class QuestionAnswer(FileReader):
    """`path` is a file of objects. Several answers are all kept; the first is what the reply says."""

    endings: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson")
    path: str = "questions.json"
    task: str = "vqa"

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample an object, with its history before it."""
        folder, names = parent(file, root), Names()
        for row in json_rows(file):
            yield row if isinstance(row, Broken) else attempt(partial(self._sample, row, folder, names), row.where)

    def _sample(self, row: Row, folder: str, names: Names) -> Sample:
        fields = mapping(row.fields)
        pair = next((pair for pair in PAIRS if all(name in fields for name in pair)), None)
        if pair is None:
            known = ", ".join(" and ".join(pair) for pair in PAIRS)
            raise DataError("row", f"fields {', '.join(list(fields)[:8]) or 'none'}", f"one of {known}")
        question, replies = fields[pair[0]], _replies(fields[pair[1]], pair[1])
        if not isinstance(question, str) or not question.strip():
            raise DataError(pair[0], repr(question)[:40], "text")
        more = fields.get("input") if pair[0] == "instruction" else None
        asked = f"{question}\n{more}" if isinstance(more, str) and more else question
        media = [Media(self.picture(name, folder)) for name in pictures_of(fields)]
        messages = [*_system(fields), *_history(fields.get("history")), _said("user", asked), _said("assistant", replies[0])]
        sample = talk({"messages": messages}, media, self.task, lambda name: self.picture(name, folder))
        answer = Answer(tuple(replies)) if pair[0] == "question" else None
        return replace(sample, id=names.next(media[0].uri if media else row.where), answer=answer)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Objects with a question and its answer, and no conversation."""
        for name in listing.ending(".json", ".jsonl", ".ndjson"):
            head = listing.head(name)
            rows = array_objects(head) or first_objects(head)
            fits = [row for row in rows if any(set(pair) <= set(row) for pair in PAIRS) and not any(talk in row for talk in TALKS)]
            if fits and 2 * len(fits) >= len(rows) and not any("chosen" in row for row in rows):
                named = [picture for row in fits for picture in _named(row)]
                yield cls(path=name, pictures=beside(listing, name, named))


def pictures_of(fields: dict[str, Any]) -> list[str]:
    """Row → names of its pictures: a text, a list, objects with a path, or an object of placeholder → name."""
    names: list[str] = []
    for field in ("image", "images", "image_path"):
        value = fields.get(field)
        listed = list(value.values()) if isinstance(value, dict) and "path" not in value else value
        items = listed if isinstance(listed, list) else [listed]
        names += texts([item.get("path") if isinstance(item, dict) else item for item in items], field)
    return names


def _named(row: dict[str, Any]) -> list[str]:
    try:
        return pictures_of(row)
    except DataError:
        return []


def _replies(value: Any, name: str) -> list[str]:
    items = value if isinstance(value, list) else [value]
    found = [item.get("answer") if isinstance(item, dict) else item for item in items]
    said = [str(item) for item in found if isinstance(item, (str, int, float)) and not isinstance(item, bool)]
    if not said or len(said) < len(items):
        raise DataError(name, repr(value)[:60], "a text, a number or a list of them")
    return list(dict.fromkeys(said))


def _system(fields: dict[str, Any]) -> list[dict[str, str]]:
    told = fields.get("system")
    return [_said("system", told)] if isinstance(told, str) and told else []


def _history(value: Any) -> list[dict[str, str]]:
    """Pairs of question and reply that came before."""
    if not value:
        return []
    if not (isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)):
        raise DataError("history", repr(value)[:60], "[[question, reply], ...]")
    if not all(isinstance(text, str) for pair in value for text in pair):
        raise DataError("history", repr(value)[:60], "texts")
    return [_said(role, text) for pair in value for role, text in zip(("user", "assistant"), pair, strict=True)]


def _said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}

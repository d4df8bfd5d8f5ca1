"""messages.jsonl: a conversation a line, as ShareGPT or LLaVA ({"conversations": ...}) or OpenAI ({"messages": ...}) → samples.

Besides, a row may hold `image` or `images` (names), `video` or `videos`, `regions` (boxes), `answer` (what a reply is
checked against) and `task`. Texts and numbers of other fields (`origin`, `model`, ...) go into `meta`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

from omma.core.config import config
from omma.curate.formats.conversation import TALKS, talk
from omma.curate.formats.fields import mapping, plain_values, texts
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.preferring import mostly_preferences
from omma.curate.formats.rows import Row, json_lines
from omma.curate.formats.sniff import beside, first_objects, named_pictures
from omma.curate.reader import Broken, Names, Reader, attempt, parent
from omma.schema.sample import Media, Sample

PICTURES, VIDEOS = ("image", "images"), ("video", "videos")
SAID = ("captions", "regions", "boxes", "answer", "chosen", "rejected", "task", "meta", "id")
KNOWN = {*TALKS, *PICTURES, *VIDEOS, *SAID}


@config
class MessagesJsonl(FileReader):
    """Conversations of one JSON Lines file."""

    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    path: str = "messages.jsonl"

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample a line."""
        yield from talks(self, json_lines(file), parent(file, root))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON Lines whose objects hold conversations."""
        for name in listing.ending(".jsonl", ".ndjson", ".json", ".txt"):
            rows = first_objects(listing.head(name))
            talks_there = any(isinstance(row.get(field), list) for row in rows for field in ("conversations", "messages"))
            if talks_there and not mostly_preferences(rows):
                yield cls(path=name, pictures=beside(listing, name, named_pictures(rows)))


def talks(reader: Reader, rows: Iterator[Row | Broken], folder: str) -> Iterator[Sample | Broken]:
    """Rows with conversations, from a file in `folder` → samples; the formats that differ only in the file share it."""
    names = Names()
    for row in rows:
        if isinstance(row, Broken):
            yield row
        else:
            yield attempt(partial(_talk, reader, row, folder, names), row.where)


def _talk(reader: Reader, row: Row, folder: str, names: Names) -> Sample:
    fields = mapping(row.fields)
    media = [Media(reader.picture(name, folder)) for field in PICTURES for name in texts(fields.get(field), field)]
    videos = (name for field in VIDEOS for name in texts(fields.get(field), field))
    media += [Media(reader.picture(name, folder), kind="video") for name in videos]
    sample = talk(fields, media, reader.task, lambda name: reader.picture(name, folder))
    more = plain_values({name: value for name, value in fields.items() if name not in KNOWN})
    id = names.next(sample.media[0].uri if sample.media else row.where)
    return replace(sample, id=id, meta=more | dict(sample.meta))

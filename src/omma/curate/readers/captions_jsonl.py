"""captions.jsonl: one line for each picture, {"image": name, "caption": text} or {"image": name, "captions": [texts]} → samples."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from omma.core.config import config
from omma.curate.formats.fields import captions_of, mapping, name_of
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.rows import json_lines
from omma.curate.formats.sniff import beside, caption_field, first_objects, picture_field
from omma.curate.reader import Broken, Names, attempt, parent
from omma.schema.sample import Media, Sample


@config
class CaptionsJsonl(FileReader):
    """`image` is the field that names the picture, `captions` the fields that may hold texts, the first present one counts."""

    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    path: str = "captions.jsonl"
    task: str = "caption"
    image: str = "image"
    captions: tuple[str, ...] = ("captions", "caption", "text")

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample a line, with all captions of the line."""
        folder, names = parent(file, root), Names()
        for row in json_lines(file):
            if isinstance(row, Broken):
                yield row
            else:
                yield attempt(partial(self._sample, row.fields, folder, names), row.where)

    def _sample(self, value: Any, folder: str, names: Names) -> Sample:
        fields = mapping(value)
        uri = self.picture(name_of(fields, self.image), folder)
        captions = captions_of(fields, self.captions)
        return Sample(names.next(uri), "", task=self.task, media=(Media(uri),), captions=captions)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON Lines whose objects name pictures and hold captions."""
        for name in listing.ending(".jsonl", ".ndjson", ".json", ".txt"):
            rows = first_objects(listing.head(name))
            image, caption = picture_field(rows), caption_field(rows)
            if image and caption:
                pictures = beside(listing, name, [str(row[image]) for row in rows if row.get(image)])
                yield cls(path=name, pictures=pictures, image=image, captions=(caption,))

"""LLaVA json: one array of {"image": name, "conversations": [{"from": "human", "value": "<image>\\n..."}, ...]} → samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

from omma.core.config import config
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.preferring import mostly_preferences
from omma.curate.formats.rows import json_array
from omma.curate.formats.sniff import array_objects, beside, named_pictures
from omma.curate.reader import Broken, parent
from omma.curate.readers.messages_jsonl import talks
from omma.schema.sample import Sample


@config
class LlavaJson(FileReader):
    """Conversations of one JSON array."""

    endings: ClassVar[tuple[str, ...]] = (".json",)
    path: str = "llava.json"

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample an item of the array."""
        yield from talks(self, json_array(file), parent(file, root))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON arrays whose objects hold conversations."""
        for name in listing.ending(".json"):
            rows = array_objects(listing.head(name))
            talks_there = any(isinstance(row.get(field), list) for row in rows for field in ("conversations", "messages"))
            if talks_there and not mostly_preferences(rows):
                yield cls(path=name, pictures=beside(listing, name, named_pictures(rows)))

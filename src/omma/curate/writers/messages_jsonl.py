"""messages.jsonl: samples → a conversation a line in OpenAI's words, pictures as files beside it. Holds every kind of sample."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omma.core.config import config
from omma.curate.formats.picture_folder import PictureFolder
from omma.curate.formats.telling import Fields
from omma.curate.reader import Reader
from omma.curate.readers.messages_jsonl import MessagesJsonl as MessagesReader
from omma.curate.writer import Add, Kept, Writer

FILE = "messages.jsonl"


@config
class MessagesJsonl(Writer):
    """One file and `pictures/`. Pictures before videos: a sample that mixes them in another order is told."""

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """One line a sample."""
        pictures = PictureFolder(folder)
        with (folder / FILE).open("w", encoding="utf-8", newline="\n") as file:

            def add(fields: Fields, kept: list[Kept]) -> None:
                file.write(json.dumps(fields | pictures.named(kept), ensure_ascii=False) + "\n")

            yield add

    def reader(self) -> Reader:
        """Conversations a line."""
        return MessagesReader(path=FILE)

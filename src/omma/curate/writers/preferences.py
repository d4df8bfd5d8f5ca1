"""Preferences: samples → preferences.jsonl, a question and two replies a line as TRL trains on them, pictures as files beside it.

    {"prompt": [messages], "chosen": [messages], "rejected": [messages], "images": [names], "margin": 1.5}

Layout: huggingface/trl `docs/source/dataset_formats.md` (preference, conversational, explicit prompt; vision).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.picture_folder import PictureFolder
from omma.curate.formats.telling import Fields, joined_text
from omma.curate.reader import Reader
from omma.curate.readers.preferences import Preferences as PreferencesReader
from omma.curate.writer import Add, Kept, Writer
from omma.schema.sample import Sample

FILE = "preferences.jsonl"


@config
class Preferences(Writer):
    """Pairs of replies alone; `margin` stands beside them where `meta` has one. Captions and answers are told to be left out."""

    def check_sample(self, sample: Sample) -> None:
        """DataError unless the turns are a question with the chosen reply at its end, and a rejected one is there."""
        asked = len(sample.turns) - len(sample.chosen)
        if not sample.chosen or not sample.rejected:
            raise DataError("chosen", "no pair of replies", "a chosen and a rejected one", "write messages.jsonl")
        if asked < 1 or joined_text(sample.turns[asked:]) != joined_text(sample.chosen):
            raise DataError("turns", "other words at their end", "the chosen reply", "write messages.jsonl")
        if joined_text(sample.chosen) == joined_text(sample.rejected):
            raise DataError("rejected", "the same as the chosen reply", "another one")
        if any(part.kind != "text" for turn in (*sample.chosen, *sample.rejected) for part in turn.parts):
            raise DataError("chosen", "more than words in a reply", "words", "write messages.jsonl")
        if any(item.kind != "image" for item in sample.media):
            raise DataError("media", "a video", "pictures alone", "write messages.jsonl")

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """One line a sample."""
        pictures = PictureFolder(folder)
        with (folder / FILE).open("w", encoding="utf-8", newline="\n") as file:

            def add(fields: Fields, kept: list[Kept]) -> None:
                asked = fields["messages"][: -len(fields["chosen"])]
                row = {"prompt": asked, "chosen": fields["chosen"], "rejected": fields["rejected"]} | pictures.named(kept)
                row |= {name: fields[name] for name in ("id", "task", "regions", "meta") if name in fields}
                row |= {name: value for name, value in fields.get("meta", {}).items() if name == "margin"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

            yield add

    def reader(self) -> Reader:
        """Pairs of replies."""
        return PreferencesReader(path=FILE)

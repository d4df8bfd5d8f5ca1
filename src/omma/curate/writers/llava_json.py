"""LLaVA json: samples → one array of {"id", "image", "conversations": [{"from", "value"}]}, pictures as files beside it.

The layout of haotian-liu/LLaVA `docs/Finetune_Custom_Data.md`; fields it does not know (task, regions, ...) stand beside.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.picture_folder import PictureFolder
from omma.curate.formats.telling import Fields
from omma.curate.reader import Reader
from omma.curate.readers.llava_json import LlavaJson as LlavaReader
from omma.curate.writer import Add, Kept, Writer
from omma.schema.sample import Sample

FILE = "llava.json"
SPEAKERS = {"user": "human", "assistant": "gpt", "system": "system", "tool": "tool"}


@config
class LlavaJson(Writer):
    """Conversations only: what is said is one text, so a region inside it and words like a placeholder have no place."""

    def check_sample(self, sample: Sample) -> None:
        """DataError for a sample without turns, with a region or a picture where LLaVA has words, or with a literal <image>."""
        if not sample.turns:
            raise DataError("turns", "none", "a conversation", "write captions as WebDataset or Parquet")
        for turn in sample.turns:
            if any(part.kind == "region" for part in turn.parts):
                raise DataError("turns", "a region among the words", "words and pictures", "write messages.jsonl")
            if turn.role == "assistant" and any(part.kind != "text" for part in turn.parts):
                raise DataError("turns", "a picture in a reply", "one that a person shows", "write messages.jsonl")
            if turn.role != "assistant" and sample.media and ("<image>" in turn.text or "<video>" in turn.text):
                raise DataError("turns", "words that look like a placeholder", "no <image> or <video>", "write messages.jsonl")

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """One item of the array a sample."""
        pictures = PictureFolder(folder)
        with (folder / FILE).open("w", encoding="utf-8", newline="\n") as file:
            file.write("[")
            first = True

            def add(fields: Fields, kept: list[Kept]) -> None:
                nonlocal first
                rest = {name: value for name, value in fields.items() if name != "messages"}
                talk = [_said(message) for message in fields["messages"]]
                item = rest | _named(pictures.named(kept)) | {"conversations": talk}
                file.write(("\n" if first else ",\n") + json.dumps(item, ensure_ascii=False))
                first = False

            yield add
            file.write("\n]\n")

    def reader(self) -> Reader:
        """Conversations of one array."""
        return LlavaReader(path=FILE)


def _named(names: dict[str, list[str]]) -> Fields:
    """Lists of names → `image` and `video` as LLaVA has them: one name, or a list of several."""
    return {field.removesuffix("s"): found[0] if len(found) == 1 else found for field, found in names.items()}


def _said(message: Fields) -> Fields:
    content: Any = message["content"]
    if isinstance(content, list):
        content = "".join(piece["text"] if piece["type"] == "text" else f"<{piece['type']}>\n" for piece in content)
    return {"from": SPEAKERS[message["role"]], "value": content}

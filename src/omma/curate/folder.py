"""Folder: a data root with any annotations that a reader knows → all their samples, each file by the reader that fits it."""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from omma.core.config import config
from omma.curate.formats.listing import Listing
from omma.curate.look import look
from omma.curate.reader import Broken, Reader
from omma.schema.sample import Sample


@config
class Folder(Reader):
    """Whatever lies below `path`, as `omma new` finds it: captions, questions, conversations, with pictures or none."""

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """File by file, the one with the most samples first; ids begin with the name of the file."""
        for name, reader in look(self.place(root)).sources.items():
            own = replace(reader, task=reader.task or self.task)
            for item in own.read(self.place(root)):
                yield self._placed(item, name)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """It fits where others fit, so it never offers itself."""
        yield from ()

    def _placed(self, item: Sample | Broken, name: str) -> Sample | Broken:
        """A row as seen from the data root."""
        if isinstance(item, Broken):
            return replace(item, where=posixpath.join(self.path, item.where) if self.path != "." else item.where)
        media = tuple(replace(one, uri=posixpath.normpath(posixpath.join(self.path, one.uri))) for one in item.media)
        return replace(item, id=f"{name}/{item.id}", media=media)

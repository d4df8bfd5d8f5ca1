"""File reader: what reads one file reads a folder of such files too, file by file; ids then begin with the file."""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.reader import Broken, Reader, below, closed
from omma.schema.sample import Sample


@config
class FileReader(Reader):
    """A format that is one file. Subclasses implement `rows` and say how such files end (lower case)."""

    endings: ClassVar[tuple[str, ...]] = ()

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One file and the data root → its samples; errors as in `read`."""
        raise NotImplementedError(f"{type(self).__name__} has no rows")

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """The rows of the file, or of all files of the folder by name."""
        place = self.place(root)
        if place.is_dir():
            for part in self.parts(root):
                yield from part.read(root)
        else:
            yield from self.rows(place, root)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A file each."""
        if not self.place(root).is_dir():
            return (self,)
        return tuple(FileOf(reader=replace(self, path=below(file, root))) for file in self.shards(root, *self.endings))

    def files(self, root: Path) -> tuple[Path, ...]:
        """The file, or those of the folder."""
        return tuple(self.shards(root, *self.endings))


@config
class FileOf(Reader):
    """One file of a folder. Whatever is wrong with it as a whole is a row, since the other files are read too."""

    reader: FileReader

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """The rows of the file, ids and places beginning with its name."""
        name = posixpath.normpath(self.reader.path)
        if gone := closed(root / name, root):
            yield gone
            return
        try:
            for row in self.reader.rows(root / name, root):
                if isinstance(row, Broken):
                    yield replace(row, where=posixpath.join(posixpath.dirname(name), row.where))
                else:
                    yield replace(row, id=f"{name}#{row.id}")
        except DataError as error:
            yield Broken(name, f"{error.got}; expected {error.expected}" if error.expected else error.got)

    def files(self, root: Path) -> tuple[Path, ...]:
        """The file."""
        return (root / self.reader.path,)

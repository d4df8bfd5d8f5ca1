"""Reader: a folder in some format → samples, and a `Broken` for every row that is none. Pictures are named, not opened.

A new format is one new file in `readers/`: a `Reader` with `read` (used by curation) and `recognise` (used by `look`).
"""

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.formats.listing import Listing, files_below
from omma.schema.sample import Sample


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is no sample: `where` names it (`captions.jsonl:17`), `reason` says what is wrong with it."""

    where: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("where", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))


@config
class Reader(Config):
    """One format of annotations. Subclasses implement `read` and `recognise`.

    `path` is a file or folder relative to the data root; `pictures` the folder that picture names in it are relative
    to, itself relative to the folder of `path`; `task` names the task of rows that name none.
    """

    path: str = "."
    pictures: str = "."
    task: str = ""

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """Data root → samples in the order of the files, without source and with ids that are unique within this reader.

        DataError if there is nothing to read at `path`; whatever is wrong with a single row is a `Broken`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no read")

    def parts(self, root: Path) -> tuple["Reader", ...]:
        """Data root → readers of a file each, whose rows one after the other are those of the whole; itself alone for one file."""
        return (self,)

    def files(self, root: Path) -> tuple[Path, ...]:
        """Data root → what `read` depends on: while none of it changes, rows stay. A folder stands for the names in it."""
        place = self.place(root)
        return tuple(files_below(place)) if place.is_dir() else (place,)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """What lies in a folder → readers of this format that fit, judged by content."""
        raise NotImplementedError(f"{cls.__name__} has no recognise")

    def place(self, root: Path) -> Path:
        """Data root → the file or folder to read; DataError if it is not there."""
        where = inside(root, self.path)
        check_root(root)
        if not where.exists():
            there = ", ".join(sorted(entry.name for entry in root.iterdir())[:8]) or "nothing"
            fix = f"in {root} there is {there}; give another path or data.root=FOLDER"
            raise DataError(self.path, "no such file or folder", f"what {type(self).__name__} reads", fix)
        return where

    def shards(self, root: Path, *endings: str) -> list[Path]:
        """Data root → the file at `path`, or all files of that folder with one of these endings, by name; to be asked `closed`.

        DataError if there are none.
        """
        where = root / posixpath.normpath(self.path)
        if (where.is_symlink() and where != root) or not self.place(root).is_dir():
            return [where]
        found = files_below(where, *endings)
        if not found:
            fix = "give one, or a folder of them"
            raise DataError(self.path, f"no {endings[0]} in this folder", f"what {type(self).__name__} reads", fix)
        return found

    def picture(self, name: str, folder: str) -> str:
        """Name of a picture as it stands in a file of `folder` (relative to the root) → its uri below the data root."""
        if "://" in name:
            return name  # as it is: curation fetches it, or its row says that it has not been
        return posixpath.normpath(posixpath.join(folder, self.pictures, name.replace("\\", "/")))


class Names:
    """Gives samples stable ids: the picture's uri and how many samples of this reader had it before (`a/b.jpg:0`)."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def next(self, stem: str) -> str:
        """Stem of the id (a picture's uri, or a file and row for text alone) → id."""
        self.seen[stem] += 1
        return f"{stem}:{self.seen[stem] - 1}"


def attempt(build: Callable[[], Sample], where: str) -> Sample | Broken:
    """Run what makes a sample of one row; its DataError becomes a `Broken`, and so does a picture's name that is not UTF-8."""
    try:
        sample = build()
    except DataError as error:
        expected = f"; expected {error.expected}" if error.expected else ""
        return Broken(where, f"{error.where}: {error.got}{expected}")
    odd = next((item.uri for item in sample.media if printable(item.uri) != item.uri), "")
    return Broken(where, f"the name {odd} is not UTF-8; give the file another one") if odd else sample


def parent(path: Path, root: Path) -> str:
    """File below the root → its folder relative to the root, with forward slashes."""
    return path.resolve().parent.relative_to(root.resolve()).as_posix()


def relative(path: Path, root: Path) -> str:
    """Path below the root → its name relative to the root, with forward slashes."""
    return path.resolve().relative_to(root.resolve()).as_posix()


def below(path: Path, root: Path) -> str:
    """Path made from the root → its name relative to the root, links as they are called."""
    return path.relative_to(root).as_posix()


def closed(path: Path, root: Path) -> Broken | None:
    """File or folder found below the root → what is told of it if it is not read: a link out of the root, a folder, no file."""
    name = below(path, root)
    if not Path(os.path.realpath(path)).is_relative_to(root.resolve()):
        return Broken(name, "is a link out of the data root")
    if path.is_dir():
        return Broken(name, "is a link to a folder, which is not followed" if path.is_symlink() else "a folder that cannot be read")
    return None if path.is_file() else Broken(name, "is no file, or a link to none")


def printable(text: str) -> str:
    """Text → the same, with bytes of a file name that are not UTF-8 (lone surrogates) as escapes."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def check_root(root: Path) -> None:
    """Data root → DataError unless it is a folder."""
    if not root.is_dir():
        got = "a file" if root.exists() else "no such folder"
        raise DataError(str(root), got, "the data root", "give it with data.root=FOLDER")

"""Listing: a folder → the names of its files, sorted, told apart by what they can hold. Contents are read on demand."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from omma.core.errors import DataError
from omma.core.files import inside

PICTURE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm", ".pbm")
)
MOST_FILES = 1_000_000  # a folder with more is looked at in part


def is_picture(name: str) -> bool:
    """File name → whether its ending is that of a picture format."""
    return Path(name).suffix.lower() in PICTURE_SUFFIXES


@dataclass(frozen=True)
class Listing:
    """Files below `root` by relative name (forward slashes), sorted; hidden files are left out."""

    root: Path
    files: tuple[str, ...]

    @cached_property
    def pictures(self) -> frozenset[str]:
        """Files whose names end like those of pictures."""
        return frozenset(name for name in self.files if is_picture(name))

    @cached_property
    def others(self) -> tuple[str, ...]:
        """All other files."""
        return tuple(name for name in self.files if name not in self.pictures)

    def ending(self, *suffixes: str) -> tuple[str, ...]:
        """Files other than pictures with one of these endings (lower case)."""
        return tuple(name for name in self.others if Path(name).suffix.lower() in suffixes)

    def folders(self) -> tuple[str, ...]:
        """Folders that hold pictures, sorted, relative to the root ("." for the root itself)."""
        return tuple(sorted({Path(name).parent.as_posix() for name in self.pictures}))

    def head(self, name: str, size: int = 1 << 16) -> bytes:
        """First bytes of a file; nothing if it cannot be read, or is a link to somewhere outside."""
        try:
            with inside(self.root, name).open("rb") as file:
                return file.read(size)
        except (OSError, ValueError, DataError):
            return b""


def list_folder(root: Path) -> Listing:
    """Folder → listing of at most `MOST_FILES`, in the same order on every machine. What links out of it is left out."""
    files: list[str] = []
    for path in walk(root, lambda error: None):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root.resolve()):
            continue
        files.append(path.relative_to(root).as_posix())
        if len(files) == MOST_FILES:
            break
    return Listing(root, tuple(sorted(files)))


def files_below(folder: Path, *endings: str) -> list[Path]:
    """Folder → its files with one of these endings (lower case; all without any), in all folders in it, sorted.

    Hidden ones are left out. Among them stand folders that were not gone into: links, and those that cannot be read.
    """
    closed: list[Path] = []
    every = walk(folder, lambda error: closed.append(Path(error.filename)))
    found = [path for path in every if not endings or path.suffix.lower() in endings]
    return sorted(found + closed)


def walk(root: Path, refuse: Callable[[OSError], None]) -> Iterator[Path]:
    """Folder → paths of its files, folder by folder; `refuse` hears of folders that are links or cannot be read."""
    for folder, inner, names in os.walk(root, onerror=refuse):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in inner:
            if (link := Path(folder, name)).is_symlink():
                refuse(OSError(errno.ELOOP, "is a link to a folder", str(link)))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))

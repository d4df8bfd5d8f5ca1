"""Listing: a folder → the names of its files, sorted, told apart by what they can hold. Contents are read on demand."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

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
        """First bytes of a file; nothing if it cannot be read."""
        try:
            with (self.root / name).open("rb") as file:
                return file.read(size)
        except OSError:
            return b""


def list_folder(root: Path) -> Listing:
    """Folder → listing, in the same order on every machine."""
    files: list[str] = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        files += [(Path(folder) / name).relative_to(root).as_posix() for name in names if not name.startswith(".")]
        if len(files) > MOST_FILES:
            break
    return Listing(root, tuple(sorted(files[:MOST_FILES])))

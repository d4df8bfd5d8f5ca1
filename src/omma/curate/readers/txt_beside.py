"""Pictures with a text file of the same name beside each (`cat.jpg`, `cat.txt`) → samples with that caption."""

import os
import posixpath
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.listing import Listing, files_below, is_picture
from omma.curate.reader import Broken, Reader, attempt, below, closed
from omma.schema.sample import Caption, Media, Sample


@config
class TxtBeside(Reader):
    """Reads a folder and all folders in it. A picture without text is a sample without caption; `suffix` is the texts' ending."""

    task: str = "caption"
    suffix: str = ".txt"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a picture, in the order of names."""
        if not self.place(root).is_dir():
            raise DataError(self.path, "a file", "a folder of pictures and texts")
        files = files_below(root / posixpath.normpath(self.path))
        found = [file for file in files if is_picture(file.name) or file.is_dir()]
        if not any(is_picture(file.name) for file in found):
            raise DataError(self.path, f"no pictures among {len(files)} files", "pictures with a .txt beside each")
        for file in found:
            yield closed(file, root) or attempt(partial(self._sample, file, root), below(file, root))

    def _sample(self, file: Path, root: Path) -> Sample:
        uri, text = below(file, root), file.with_suffix(self.suffix)
        caption = _words(text, root) if os.path.lexists(text) else ""
        captions = (Caption(caption),) if caption else ()
        return Sample(f"{uri}:0", "", task=self.task, media=(Media(uri),), captions=captions)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Folders where at least half of the pictures have a text of the same name."""
        there = frozenset(listing.others)
        paired = [name for name in listing.pictures if PurePosixPath(name).with_suffix(".txt").as_posix() in there]
        if paired and 2 * len(paired) >= len(listing.pictures):
            tops = {PurePosixPath(name).parts[0] if "/" in name else "." for name in paired}
            yield cls(path=tops.pop() if len(tops) == 1 else ".")


def _words(text: Path, root: Path) -> str:
    """File beside a picture → what it says."""
    if gone := closed(text, root):
        raise DataError(text.name, gone.reason)
    try:
        return text.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise DataError(text.name, f"not UTF-8 at byte {error.start:,}") from None
    except OSError as error:
        raise DataError(text.name, f"cannot be read: {error.strerror}") from None

"""Pictures with a text file of the same name beside each (`cat.jpg`, `cat.txt`) → samples with that caption."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.listing import Listing, list_folder
from omma.curate.reader import Broken, Reader, relative
from omma.schema.sample import Caption, Media, Sample


@config
class TxtBeside(Reader):
    """Reads a folder and all folders in it. A picture without text is a sample without caption; `suffix` is the texts' ending."""

    task: str = "caption"
    suffix: str = ".txt"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a picture, in the order of names."""
        folder = self.place(root)
        if not folder.is_dir():
            raise DataError(self.path, "a file", "a folder of pictures and texts")
        listing = list_folder(folder)
        if not listing.pictures:
            raise DataError(self.path, f"no pictures among {len(listing.files)} files", "pictures with a .txt beside each")
        for name in sorted(listing.pictures):
            yield self._sample(root, relative(folder, root), name)

    def _sample(self, root: Path, folder: str, name: str) -> Sample | Broken:
        uri = PurePosixPath(folder, name).as_posix()
        text = root / PurePosixPath(uri).with_suffix(self.suffix)
        try:
            caption = text.read_bytes().decode("utf-8-sig").strip() if text.exists() else ""
        except UnicodeDecodeError as error:
            return Broken(text.name, f"not UTF-8 at byte {error.start:,}")
        except OSError as error:
            return Broken(text.name, f"cannot be read: {error.strerror}")
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

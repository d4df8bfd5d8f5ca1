"""HTML: pages with their pictures beside them → samples: each page whole, text and pictures interleaved, and each figure alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import unquote, urlsplit

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.formats.interleaving import Block, Figure, page_blocks, samples_of
from omma.curate.formats.listing import Listing, is_picture
from omma.curate.reader import Broken, Names, Reader, below, closed
from omma.schema.sample import Sample

SHOWN = (b"<img", b"![", b":::image")
ENDINGS = (".html", ".htm", ".xhtml")


@config
class Html(Reader):
    """`path` is a page or a folder of them (with all folders in it). Pictures on the web and missing ones are broken rows."""

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """Page after page by name; the page first, then its figures."""
        known = Names()
        for file in self.shards(root, *self.endings()):
            name = below(file, root)
            if gone := closed(file, root):
                yield gone
                continue
            try:
                blocks = self.blocks(file.read_bytes().decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                yield Broken(name, f"not UTF-8 at byte {error.start:,}")
            except DataError as error:
                yield Broken(name, error.got)
            except OSError as error:
                yield Broken(name, f"cannot be read: {error.strerror}")
            else:
                yield from samples_of(blocks, name, partial(self._place, root, name), known)

    @classmethod
    def endings(cls) -> tuple[str, ...]:
        """Endings of the files that are read."""
        return ENDINGS

    def blocks(self, text: str) -> list[Block]:
        """Text of a file → its blocks."""
        return page_blocks(text)

    def _place(self, root: Path, page: str, src: str) -> str:
        """What a page says of a picture → its uri; DataError unless it is a picture file below the root."""
        shown = src[:80] or "a picture without a name"
        if src.startswith(("data:", "//")) or "://" in src:
            raise DataError(shown, "not a file", f"a picture below {self.path}")
        name = unquote(urlsplit(src).path)
        folder = PurePosixPath(page).parent.as_posix()
        uri = self.picture(name, folder) if not name.startswith("/") else name.lstrip("/")
        try:
            there = inside(root, uri).is_file()
        except (ValueError, OSError):
            there = False
        if not there or not is_picture(uri):
            raise DataError(shown, "no such file" if not there else f"a {PurePosixPath(uri).suffix} file", "a picture")
        return uri

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Documents that show at least one picture of the folder."""
        named = [name for name in listing.ending(*cls.endings()) if any(mark in listing.head(name) for mark in SHOWN)]
        shown = [name for name in named if _shows(cls(path=name), listing, name)]
        if shown:
            yield cls(path=shown[0] if len(shown) == 1 else ".")


def _shows(reader: Html, listing: Listing, name: str) -> bool:
    blocks = reader.blocks(listing.head(name).decode("utf-8", errors="replace"))
    for block in blocks:
        if isinstance(block, Figure):
            try:
                return bool(reader._place(listing.root, name, block.src))
            except DataError:
                continue
    return False

"""PDF: documents (extra `pdf`) → samples: each whole, text and pictures in the order of the page's content, and each figure alone.

Pictures stay in the file, as `document.pdf#page:name`. Those drawn by a form or written into the content are broken rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.interleaving import Block, Figure, samples_of
from omma.curate.formats.listing import Listing
from omma.curate.reader import Broken, Names, Reader, below, closed
from omma.media.pdf_pictures import odd_errors, open_pdf
from omma.schema.sample import Sample


@config
class Pdf(Reader):
    """`path` is a PDF or a folder of them (with all folders in it)."""

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """Document after document by name; the document first, then its figures."""
        for file in self.shards(root, ".pdf"):
            name, known = below(file, root), Names()
            if gone := closed(file, root):
                yield gone
                continue
            try:
                document = open_pdf(file, name)
                blocks, broken = _blocks(document, name)
            except DataError as error:
                yield Broken(name, f"{error.got}; {error.fix}" if error.fix else error.got)
                continue
            yield from broken
            yield from samples_of(blocks, name, str, known)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A document each."""
        return tuple(replace(self, path=below(file, root)) for file in self.shards(root, ".pdf"))

    def files(self, root: Path) -> tuple[Path, ...]:
        """The documents."""
        return tuple(self.shards(root, ".pdf"))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Files that begin as PDF."""
        found = [name for name in listing.ending(".pdf") if listing.head(name, 5) == b"%PDF-"]
        if found:
            yield cls(path=found[0] if len(found) == 1 else ".")


def _blocks(document: Any, name: str) -> tuple[list[Block], list[Broken]]:
    """Open document → its blocks, page by page, and a row for every page and picture that cannot be read."""
    blocks: list[Block] = []
    broken: list[Broken] = []
    for number in range(len(document.pages)):
        try:
            page = document.pages[number]
            blocks += _page_blocks(page, f"{name}#{number}")
            nested = [str(key) for key in page.images.keys() if not isinstance(key, str) or key.startswith("~")]  # noqa: SIM118
        except odd_errors() as error:
            broken.append(Broken(f"{name}#{number}", f"the page cannot be read: {' '.join(str(error).split())[:120]}"))
            continue
        broken += [Broken(f"{name}#{number}:{key}", "a picture inside a form or the content itself") for key in nested]
    return blocks, broken


def _page_blocks(page: Any, where: str) -> list[Block]:
    """Page → text and pictures in the order in which the page draws them."""
    drawn: list[Block] = []
    held = (page.get("/Resources") or {}).get("/XObject") or {}

    def said(text: str, *_: Any) -> None:
        if drawn and isinstance(drawn[-1], str):
            drawn[-1] += text
        else:
            drawn.append(text)

    def done(operator: bytes, operands: Any, *_: Any) -> None:
        item = held.get(operands[0]) if operator == b"Do" and operands else None
        if item is not None and item.get_object().get("/Subtype") == "/Image":
            drawn.append(Figure(f"{where}:{str(operands[0]).removeprefix('/')}"))

    page.extract_text(visitor_text=said, visitor_operand_after=done)
    tidy = [_lines(block) if isinstance(block, str) else block for block in drawn]
    return [block for block in tidy if block]


def _lines(text: str) -> str:
    """Text as drawn → its lines, blank ones and spaces at their ends left out."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())

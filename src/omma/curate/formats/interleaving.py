"""Interleaving: a page as HTML → its blocks of text and figures in reading order → one sample of the whole and one of each figure.

A figure's caption is its <figcaption>, else the paragraph beside it that begins as captions do ("Figure 3: ..."); its alt text
is kept apart (`origin` alt). Of each figure the words before and after it are in `meta`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from omma.core.errors import DataError
from omma.curate.reader import Broken, Names
from omma.schema.sample import Caption, Media, Part, Sample, Turn

SKIPPED = frozenset(("script", "style", "head", "nav", "template", "noscript", "svg"))
LINES = frozenset(("br", "tr", "li", "dt", "dd"))
PARAGRAPHS = frozenset(
    ("p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote", "pre", "ul", "ol", "dl", "table", "hr")
    + ("figure", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6")
)
LABEL = re.compile(r"(?:figure|fig\.|abbildung|abb\.|図|图)\s*[\dIVX]+", re.IGNORECASE)
AROUND = 500  # letters of text on either side of a figure


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on a page: where its file is as the page says it, its alt text and its caption."""

    src: str
    alt: str = ""
    caption: str = ""


Block = str | Figure


def page_blocks(html: str) -> list[Block]:
    """HTML → text (paragraphs parted by empty lines) and figures, in reading order; scripts, styles and menus left out."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.finished()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.text: list[str] = []
        self.skipping: list[str] = []
        self.figures: list[int] = []  # where each open <figure> begins among the blocks
        self.captions: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.skipping.clear()  # the end of a head may be left out
        if tag in SKIPPED:
            self.skipping.append(tag)
        if self.skipping:
            return
        self._break(tag)
        if tag == "img":
            self._figure({name: value or "" for name, value in attrs})
        elif tag == "figure":
            self._flush()
            self.figures.append(len(self.blocks))
        elif tag == "figcaption":
            self._flush()
            self.captions = []

    def handle_endtag(self, tag: str) -> None:
        if self.skipping:
            if tag in self.skipping:
                del self.skipping[self.skipping.index(tag) :]
            return
        self._break(tag)
        if tag == "figcaption" and self.captions is not None:
            self._captioned(_tidy("".join(self.captions)))
        elif tag == "figure" and self.figures:
            self.figures.pop()

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            (self.text if self.captions is None else self.captions).append(re.sub(r"\s+", " ", data))

    def finished(self) -> list[Block]:
        """All blocks; a caption that was never closed is text."""
        if self.captions is not None:
            self.text += self.captions
        self._flush()
        return self.blocks

    def _break(self, tag: str) -> None:
        mark = "\n" if tag in LINES else "\n\n" if tag in PARAGRAPHS else ""
        (self.text if self.captions is None else self.captions).append(mark)

    def _figure(self, attributes: dict[str, str]) -> None:
        self._flush()
        self.blocks.append(Figure(attributes.get("src", "").strip(), _tidy(attributes.get("alt", ""))))

    def _captioned(self, caption: str) -> None:
        """The caption goes to all pictures of its figure; without any it is text."""
        self.captions = None
        start = self.figures[-1] if self.figures else len(self.blocks)
        told = [place for place in range(start, len(self.blocks)) if isinstance(self.blocks[place], Figure)]
        for place in told:
            block = self.blocks[place]
            assert isinstance(block, Figure)
            self.blocks[place] = replace(block, caption=caption)
        self.text.append(f"\n\n{caption}\n\n")  # it stands on the page, behind the picture

    def _flush(self) -> None:
        text = _tidy("".join(self.text))
        if text:
            self.blocks.append(text)
        self.text = []


def _tidy(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def samples_of(blocks: list[Block], name: str, place: Callable[[str], str], names: Names) -> Iterator[Sample | Broken]:
    """Blocks of the document `name` → the document, then its figures; a `Broken` for every figure that `place` refuses.

    `place` makes the uri of a picture from what the page says (DataError if it is not there). The document leaves such
    pictures out.
    """
    media: list[Media] = []
    parts: list[Part] = []
    figures: list[tuple[int, int]] = []  # block and picture
    for number, block in enumerate(blocks):
        if isinstance(block, str):
            parts.append(Part("text", f"\n\n{block}" if parts else block))
            continue
        try:
            media.append(Media(place(block.src)))
        except DataError as error:
            yield Broken(f"{name}:figure.{number}", f"{error.where}: {error.got}; expected {error.expected}")
            continue
        figures.append((number, len(media) - 1))
        parts.append(Part("image", index=len(media) - 1))
    if not parts:
        yield Broken(name, "neither text nor a picture that is there")
        return
    meta: dict[str, str | int | float | bool] = {"document": name}
    turns = Turn("user", ()), Turn("assistant", tuple(parts))
    yield Sample(names.next(name), "", "document", tuple(media), turns, meta=dict(meta))
    for number, picture in figures:
        yield _figure_sample(blocks, number, media[picture], names, name)


def _figure_sample(blocks: list[Block], number: int, media: Media, names: Names, name: str) -> Sample:
    figure = blocks[number]
    assert isinstance(figure, Figure)
    before = next((block for block in reversed(blocks[:number]) if isinstance(block, str)), "")
    after = next((block for block in blocks[number + 1 :] if isinstance(block, str)), "")
    caption = figure.caption or _labelled(after.split("\n\n")[0]) or _labelled(before.split("\n\n")[-1])
    captions = [Caption(figure.alt, "alt")] * bool(figure.alt) + [Caption(caption)] * bool(caption)
    meta: dict[str, str | int | float | bool] = {"document": name, "before": before[-AROUND:], "after": after[:AROUND]}
    return Sample(names.next(media.uri), "", "caption", (media,), captions=tuple(captions), meta=meta)


def _labelled(paragraph: str) -> str:
    return paragraph if LABEL.match(paragraph) else ""

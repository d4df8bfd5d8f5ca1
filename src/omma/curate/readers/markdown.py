"""Markdown: documents with their pictures beside them → samples, as for HTML: each document whole and each figure alone.

CommonMark with tables, HTML in it, attributes behind pictures (`{alt="..."}`) and Microsoft's
`:::image source="..." alt-text="...":::`. Front matter is left out.
"""

import re
from html import escape

from markdown_it import MarkdownIt

from omma.core.config import config
from omma.curate.formats.interleaving import Block, page_blocks
from omma.curate.readers.html import Html

ENDINGS = (".md", ".markdown")
FRONT = re.compile(r"\A---\r?\n.*?\r?\n---\r?\n", re.DOTALL)
TRIPLE = re.compile(r":::\s*image\b((?:[^:]|:(?!::))*):::")
ATTRIBUTES = re.compile(r"(!\[)([^\]\n]*)(\]\([^)\n]*\))\{([^}\n]*)\}")
ALT = re.compile(r"""\balt=(['"])(.*?)\1""")
FIELD = re.compile(r'([a-z-]+)\s*=\s*"([^"]*)"')


@config
class Markdown(Html):
    """`path` is a document or a folder of them (with all folders in it)."""

    @classmethod
    def endings(cls) -> tuple[str, ...]:
        """Endings of the files that are read."""
        return ENDINGS

    def blocks(self, text: str) -> list[Block]:
        """Markdown → its blocks."""
        plain = ATTRIBUTES.sub(_described, TRIPLE.sub(_image, FRONT.sub("", text)))
        return page_blocks(MarkdownIt("commonmark", {"html": True}).enable("table").render(plain))


def _described(found: re.Match[str]) -> str:
    """A picture with attributes behind it → the same without them, its alt text where it belongs."""
    alt = ALT.search(found[4])
    return found[1] + (found[2] or (alt[2] if alt else "")) + found[3]


def _image(found: re.Match[str]) -> str:
    fields = dict(FIELD.findall(found[1]))
    return f'<img src="{escape(fields.get("source", ""))}" alt="{escape(fields.get("alt-text", ""))}">'

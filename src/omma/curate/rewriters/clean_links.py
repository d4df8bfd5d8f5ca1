"""clean_links: captions with web addresses among their words → the words alone.

As Data-Juicer's `clean_links_mapper` (datajuicer/data-juicer, `ops/mapper/clean_links_mapper.py`), which takes any word with a
colon for an address ("note:this") as well. Here they are known by http://, https://, ftp:// or www.; marks behind one belong to the
sentence. A caption that is an address alone goes.
"""

import re
from typing import ClassVar

from omma.core.config import config
from omma.curate.rewriting.wording import CaptionRewriter

LINK = re.compile(r"(?<![\w/])(?:https?://|ftp://|www\.)[^\s<>\"]*[^\s<>\".,;:!?'”’)\]}…]", re.IGNORECASE)
EMPTY = re.compile(r"\(\s*\)|\[\s*\]|<\s*>|\"\s*\"")  # what stood around an address


@config
class CleanLinks(CaptionRewriter):
    """Names without one of the four beginnings (example.com) stay: they may be what the picture shows."""

    version: ClassVar[str] = "1"
    what: ClassVar[str] = "addresses"

    def change(self, text: str) -> str:
        """Text → without addresses."""
        said, found = LINK.subn("", text)
        return " ".join(EMPTY.sub("", said).split()) if found else text

"""clean_whitespace: captions with line ends, tabs, odd and unseen spaces → one plain space between words, none around them.

As Data-Juicer's `whitespace_normalization_mapper` (datajuicer/data-juicer), which leaves runs of spaces, and makes a space of
joiners without width as well. Here those stay (U+200C, U+200D): Persian, Hindi and many emoji are written with them.
"""

import re
from typing import ClassVar

from omma.core.config import config
from omma.curate.rewriting.wording import CaptionRewriter

UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff\ufffc]")  # soft hyphens, spaces without width, stand-ins for objects


@config
class CleanWhitespace(CaptionRewriter):
    """White space is what `str.split` takes for it."""

    version: ClassVar[str] = "1"
    what: ClassVar[str] = "white space"

    def change(self, text: str) -> str:
        """Text → with plain spaces."""
        return " ".join(UNSEEN.sub("", text).split())

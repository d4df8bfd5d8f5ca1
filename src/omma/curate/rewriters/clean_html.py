"""clean_html: captions with leftovers of HTML (`&amp;`, `<br>`, `<b>`) → their plain words.

As Data-Juicer's `clean_html_mapper` (datajuicer/data-juicer, `ops/mapper/clean_html_mapper.py`), which takes out whatever
stands between < and >. Here only elements of HTML go, so that "a < b", "<3" and marks such as `<email>` stay.
"""

import html
import re
from typing import ClassVar

from omma.core.config import config
from omma.curate.rewriting.wording import CaptionRewriter

BLOCKS = (
    "address|article|aside|blockquote|br|center|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre"
    "|section|table|tbody|td|tfoot|th|thead|tr|ul"
)
INLINE = (
    "a|abbr|b|bdi|bdo|big|body|button|caption|cite|code|col|colgroup|del|dfn|em|font|head|html|i|iframe|img|input|ins|kbd|label"
    "|link|mark|meta|nobr|noscript|picture|q|s|samp|small|source|span|strike|strong|sub|sup|time|title|tt|u|var|video|wbr"
)
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
BLOCK = re.compile(rf"</?(?:{BLOCKS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
TAG = re.compile(rf"</?(?:{INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE)
ESCAPED = 3  # times that a text is taken for escaped: "&amp;amp;quot;" has been seen


@config
class CleanHtml(CaptionRewriter):
    """Entities become their characters; elements that start a line become a space, others nothing."""

    version: ClassVar[str] = "1"
    what: ClassVar[str] = "markup"

    def change(self, text: str) -> str:
        """Text → without markup; one that holds none stays as it is to the last space."""
        return plain(text)


def plain(text: str) -> str:
    """Text with leftovers of HTML → its words."""
    said = text
    for _ in range(ESCAPED):
        said, found = ENTITY.subn(lambda entity: html.unescape(entity[0]).replace("\xa0", " "), said)
        if not found:
            break
    said = TAG.sub("", BLOCK.sub(" ", HIDDEN.sub(" ", said)))
    return text if said == text else " ".join(said.split())

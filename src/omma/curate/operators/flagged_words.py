"""flagged_words: a text with words of the user's list → dropped. Score: how many of its words are on the list, as a share.

The list is the user's file, so that no one's idea of an offence stands in this code.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample

# Scripts that set no spaces between words: an entry in them is found anywhere.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@config
class FlaggedWords(TextOperator):
    """`path` is a UTF-8 file, one word or phrase a line; empty lines and lines that begin with # are left out.

    Case and width of letters do not matter; entries match whole words only. `max_share` 0 lets none pass.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scored_by: ClassVar[tuple[str, ...]] = ("path",)
    path: str = ""
    max_share: float = 0.0

    def check(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ConfigError("FlaggedWords.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def key(self) -> str:
        """As any operator's, and the content of the list."""
        content = Path(self.path).read_bytes() if self.path and Path(self.path).is_file() else b""
        return f"{super().key}-{hashlib.sha256(content).hexdigest()[:8]}"

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def score(self, sample: Sample) -> float:
        """Entries found, for each word; DataError without a list."""
        text = folded(words_of(sample))
        found = sum(1 for _ in _pattern(self.path).finditer(text))
        return found / max(1, len(text.split()))

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        return "" if score <= self.max_share else f"{score:.1%} of its words are on the list"


def folded(text: str) -> str:
    """Text → the same without differences of case and width."""
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=8)
def _pattern(path: str) -> re.Pattern[str]:
    """File → pattern of its entries, longest first."""
    if not path:
        raise DataError("FlaggedWords.path", "no list of words", "a file of one word a line", "set path=FILE")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"cannot be read: {error}", "a UTF-8 file of one word a line") from None
    entries = {" ".join(folded(line).split()) for line in lines if line.strip() and not line.lstrip().startswith("#")}
    if not entries:
        raise DataError(path, "a list without words", "one word or phrase a line")
    return re.compile("|".join(_entry(entry) for entry in sorted(entries, key=lambda entry: (-len(entry), entry))))


def _entry(entry: str) -> str:
    exact = r"\s+".join(re.escape(word) for word in entry.split())
    return exact if UNSPACED.search(entry) else rf"(?<!\w){exact}(?!\w)"

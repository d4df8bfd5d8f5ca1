"""Concepts: names with synonyms → which of them a text mentions, and how often each is mentioned in many texts.

Rules of matching: on word boundaries (letters, digits and underscores make words), whatever the case, except that a
name of two or more letters all written in capitals ("US", "IT") matches as written alone; the last word of a name may
stand in the plural (-s, -es, -ies for -y). In scripts that set no spaces (Chinese, Japanese, Thai, Lao) each letter is a
word, so that names are found anywhere. Which of overlapping names count is `overlaps`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from omma.core.config import Config, config
from omma.core.errors import ConfigError, DataError
from omma.core.files import bytes_hash

UNSPACED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")


@config
class Concepts(Config):
    """Concepts by name, each with synonyms (its own name is always one), from `names` and from the file at `path`.

    The file is JSON (a list of names, or an object from name to synonyms) or text, a name a line. `overlaps`: "all"
    names that occur, as MetaCLIP and REAL count; "longest" counts no name inside of a longer one (no dog in hot dog).
    """

    path: str = ""
    names: dict[str, tuple[str, ...]] = {}
    overlaps: Literal["all", "longest"] = "all"

    @property
    def mark(self) -> str:
        """Hash of the file; empty without one."""
        return bytes_hash(self._file().read_bytes())[:16] if self.path else ""

    def read(self) -> dict[str, tuple[str, ...]]:
        """Name → synonyms. DataError if the file is none."""
        if not self.path:
            return dict(self.names)
        text = self._file().read_text(encoding="utf-8")
        if not self.path.endswith(".json"):
            return {line.strip(): () for line in text.splitlines() if line.strip()} | self.names
        try:
            data = json.loads(text)
        except ValueError as error:
            raise DataError(self.path, f"no JSON: {error}", "a list of names, or an object from name to synonyms") from None
        if isinstance(data, list):
            data = {name: () for name in data}
        if not isinstance(data, dict) or not all(isinstance(words, list | tuple) for words in data.values()):
            raise DataError(
                self.path, f"{type(data).__name__} of other things", "a list of names, or an object from name to synonyms"
            )
        return {str(name): tuple(map(str, words)) for name, words in data.items()} | self.names

    def _file(self) -> Path:
        file = Path(self.path)
        if not file.is_file():
            raise DataError(self.path, "no such file", "a file of concepts")
        return file


class Matcher:
    """Finds concepts in texts, in time proportional to the text whatever the number of concepts."""

    def __init__(self, names: Mapping[str, Sequence[str]], overlaps: Literal["all", "longest"] = "all") -> None:
        self.overlaps = overlaps
        self.folded: dict[tuple[str, ...], list[str]] = {}
        self.exact: dict[tuple[str, ...], list[str]] = {}
        for name, synonyms in names.items():
            for phrase in dict.fromkeys((name, *synonyms)):
                self._add(name, phrase)

    @cached_property
    def longest(self) -> int:
        """Words of the longest name."""
        return max(map(len, (*self.folded, *self.exact)), default=0)

    def match(self, text: str) -> list[str]:
        """Text → the concepts it mentions, each once, in the order of their first mention (the longer name first)."""
        words = WORD.findall(text)
        folded = [word.casefold() for word in words]
        found: dict[str, None] = {}
        start = 0
        while start < len(words):
            step = 1
            for size in range(min(self.longest, len(words) - start), 0, -1):
                names = self._at(words[start : start + size], folded[start : start + size])
                found.update(dict.fromkeys(names))
                if names and self.overlaps == "longest":
                    step = size
                    break
            start += step
        return list(found)

    def _add(self, name: str, phrase: str) -> None:
        words = WORD.findall(phrase)
        if not words:
            raise ConfigError("Concepts.names", f"{phrase!r} for {name!r}", "a name with a letter or a digit")
        capitals = len(words) == 1 and len(phrase) > 1 and phrase.isupper()
        table = self.exact if capitals else self.folded
        key = tuple(words) if capitals else tuple(word.casefold() for word in words)
        known = table.setdefault(key, [])
        if name not in known:
            known.append(name)

    def _at(self, words: Sequence[str], folded: Sequence[str]) -> list[str]:
        """Concepts whose names these words are."""
        found = list(self.exact.get(tuple(words), ()))
        for last in singulars(folded[-1]):
            found += self.folded.get((*folded[:-1], last), ())
        return found


def singulars(word: str) -> list[str]:
    """Word in small letters → itself and what it may be the plural of: boxes → boxes, boxe, box."""
    forms = [word]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-1])
        if word.endswith("ies"):
            forms.append(word[:-3] + "y")
        if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
            forms.append(word[:-2])
    return forms


@config
class Asking(Config):
    """How many texts are shown to a judge of relevance: at least `seen` and until `relevant` of them are, never above `most`.

    Longer texts than `max_words` mention nothing. Source: shubhamprshr27/NeglectedTailsVLM, analysis of frequencies.
    """

    seen: int = 1000
    relevant: int = 200
    most: int = 10_000
    max_words: int = 100


@config
class Frequency(Config):
    """How often a concept is mentioned, of how many mentions a judge was asked, how many it found to mean the concept."""

    matches: int
    asked: int
    relevant: int

    @property
    def value(self) -> float:
        """Matches × share of relevant ones; matches alone where nobody was asked."""
        return self.matches * self.relevant / self.asked if self.asked else float(self.matches)


def frequencies(
    texts: Mapping[str, str], matcher: Matcher, asking: Asking, relevant: Callable[[str, str], bool] | None = None
) -> dict[str, Frequency]:
    """Texts by key → how often each concept is meant. `relevant(concept, text)` judges texts in the order of keys."""
    mentions: dict[str, list[str]] = {}
    for key in sorted(texts):
        if len(texts[key].split()) <= asking.max_words:
            for name in matcher.match(texts[key]):
                mentions.setdefault(name, []).append(texts[key])
    return {name: _asked(name, found, asking, relevant) for name, found in sorted(mentions.items())}


def _asked(name: str, found: list[str], asking: Asking, relevant: Callable[[str, str], bool] | None) -> Frequency:
    asked = yes = 0
    for text in found[: asking.most] if relevant else ():
        if asked >= asking.seen and yes >= asking.relevant:
            break
        asked += 1
        yes += bool(relevant and relevant(name, text))
    return Frequency(matches=len(found), asked=asked, relevant=yes)

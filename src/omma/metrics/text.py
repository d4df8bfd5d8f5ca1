"""Text: answers as plain strings → whether they say the same, by rules of no benchmark in particular. Scores in [0, 1].

Benchmarks have rules of their own (`vqa`, `gqa`, `anls`, …); `Words` is what all rulers of replies in words share.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Metric

OPENING, CLOSING = "\"'`([{“‘«", "\"'`)]}”’».,:;!?…"
ARTICLE = re.compile(r"\b(?:a|an|the)\b")
WORD = re.compile(r"\w+")
NO_MARKS = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Answer → the form in which answers are compared.

    Unicode NFKC, case folded, white space as single spaces, quotes and brackets around it and marks behind it removed:
    " “Yes.” " and "yes" are equal, ".5" and "5" are not. Words, digits and articles stay as they are.
    """
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return words.lstrip(OPENING + " ").rstrip(CLOSING + " ")


def exact(answer: str, golds: Sequence[str]) -> float:
    """Answer + accepted answers → 1.0 if it equals any of them in normal form, else 0.0. No golds: 0.0."""
    said = normalise(answer)
    return float(any(said == normalise(gold) for gold in golds))


def contains(answer: str, golds: Sequence[str]) -> float:
    """Answer + accepted answers → 1.0 if the words of any of them stand in it in a row, else 0.0.

    Words are runs of letters and digits: "It is a red-brick house." contains "Red brick", "cat" is not in "category".
    An accepted answer without words is in no answer.
    """
    said = _words(answer)
    return float(any(_words(gold) in said for gold in golds if WORD.search(gold)))


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """Answer + accepted answers → the best F1 of the words of the answer and of an accepted one, in [0, 1]. No golds: 0.0.

    Words are in lower case, without ASCII marks and articles, and count as often as they occur. Where either side has no
    words, 1.0 if both have none. As in the evaluation of SQuAD 2.0 (rajpurkar/SQuAD-explorer, `evaluate-v2.0.py`).
    """
    said = _bag(answer)
    return max((_f1(said, _bag(gold)) for gold in set(golds)), default=0.0)


def accepted(gold: Any) -> tuple[str, ...]:
    """What is right as it is stored, one value or a list of them → accepted answers as strings."""
    return tuple(map(str, gold)) if isinstance(gold, list | tuple) else (str(gold),)


@config
class Words(Metric):
    """A reply in words, read as it stands. `gold` is an accepted answer or a list of them; no facts are read.

    A blank reply counts as unparsed, and scores what the rule gives to nothing.
    """

    label: ClassVar[str] = "exact match"

    def extract(self, raw: str, facts: Facts) -> str:
        """The whole reply."""
        return raw

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + what is right → its mark by the rule; that of a blank reply is unparsed."""
        mark = super().judge(raw, gold, facts)
        return mark if raw and not raw.isspace() else replace(mark, said=None)


@config
class Exact(Words):
    """1 if the reply equals an accepted answer in omma's normal form: NFKC, case, spaces, quotes around, marks behind."""

    variant: ClassVar[str] = "omma"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → normal form."""
        return normalise(said)

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Normal form + accepted answers → 0.0 or 1.0."""
        return float(any(said == normalise(text) for text in accepted(gold)))


@config
class Contains(Words):
    """1 if the words of an accepted answer stand in the reply in a row (`contains`)."""

    label: ClassVar[str] = "contains"
    variant: ClassVar[str] = "omma"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → 0.0 or 1.0."""
        return contains(said, accepted(gold))


@config
class TokenF1(Words):
    """Best F1 of the reply's words and an accepted answer's (`token_f1`)."""

    label: ClassVar[str] = "token F1"
    source: ClassVar[str] = "rajpurkar/SQuAD-explorer evaluate-v2.0.py"
    ties: ClassVar[str] = "the best of the accepted answers counts"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → F1 in [0, 1]."""
        return token_f1(said, accepted(gold))


def _words(text: str) -> str:
    return f" {' '.join(WORD.findall(normalise(text)))} "


def _bag(text: str) -> Counter[str]:
    return Counter(ARTICLE.sub(" ", text.lower().translate(NO_MARKS)).split())


def _f1(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return float(a == b)
    both = (a & b).total()
    return 2 * both / (a.total() + b.total())

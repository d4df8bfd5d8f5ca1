"""Text: answers as plain strings → whether they say the same. Scores are 0.0 or 1.0."""

import unicodedata
from collections.abc import Sequence

OPENING, CLOSING = "\"'`([{“‘«", "\"'`)]}”’».,;:!?…"


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

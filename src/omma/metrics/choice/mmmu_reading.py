"""MMMU's reading of a reply: text → option letter, or the strings and numbers that an open answer may be.

Source: MMMU-Benchmark/MMMU at bb0b95a, `mmmu/utils/eval_utils.py`. The patterns find what the official ones find, and
never scan a run of digits twice.
"""

import re
from collections.abc import Callable, Mapping, Sequence

ENDS = ",.!?;:'"
WORDS = 5  # texts of options are looked for only in longer replies
CUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
TRIVIAL = frozenset(":,.!?;'")
SENTENCE = re.compile(r"\.\s(?=[A-Z])|\n")  # officially after lower-casing, so that only new lines ever split
WITH_COMMAS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
SCIENTIFIC = re.compile(r"-?(?<!\d)\d++(?:\.\d++)?[eE][+-]?\d++")
PLAIN = re.compile(r"-?(?:(?<!\d)\d++\.\d++|\.\d++|(?<!\d)\d++\b)(?![eE][+-]?\d)(?![,\d])")

Open = tuple[str | float, ...]


def stripped(reply: str) -> str:
    """Reply → without marks at its ends (each kind once, in order), between two spaces."""
    for mark in ENDS:
        reply = reply.strip(mark)
    return f" {reply} "


def letter_of(reply: str, options: Mapping[str, str]) -> str | None:
    """Reply + letter: text → the letter: "(A)", else " A ", else (over five words) an option's text. Of several, the last."""
    text = stripped(reply)
    return bracketed(text, options) or last(text, options, " {} ".format) or contained(text, options)


def bracketed(text: str, options: Mapping[str, str]) -> str | None:
    """Text → the letter that stands last as "(A)", or None."""
    return last(text, options, "({})".format)


def last(text: str, options: Mapping[str, str], form: Callable[[str], str]) -> str | None:
    """Text → the letter whose form stands last, or None; of equals the first."""
    places = {letter: text.rfind(form(letter)) for letter in options}
    best = max(places, key=places.__getitem__, default="")
    return best if places.get(best, -1) >= 0 else None


def contained(text: str, options: Mapping[str, str]) -> str | None:
    """Text of more than five words → the letter of the option whose text stands last in it, case ignored, or None."""
    lowered = text.lower()
    if len(text.split()) <= WORDS:
        return None
    return last(lowered, options, lambda letter: options[letter].lower())


def open_readings(reply: str) -> Open:
    """Reply to an open question → all that it may say: tails of its lines in lower case, and the numbers in them.

    A tail is what stands behind the last of the cues ("is ", "so ", …; in the last line "=" too) that leaves the least;
    without any tail it is the whole reply.
    """
    said = [*_tails(reply)]
    numbers = [found for tail in said for found in _numbers(tail)]
    return tuple(dict.fromkeys(form for text in (*said, *numbers) for form in open_forms(text)))


def open_forms(text: str) -> Open:
    """Answer → its forms: a number rounded to two places, or the lowered text; a single character with a space either side."""
    text = text.strip()
    try:
        return (round(float(text.replace(",", "")), 2),)
    except ValueError:
        lowered = text.lower()
    return (f" {lowered}", f"{lowered} ") if len(lowered) == 1 else (lowered,)


def open_right(readings: Sequence[str | float], golds: Sequence[str]) -> bool:
    """Readings of a reply + accepted answers → whether any gold text is within a text, or any gold number is among the numbers."""
    right = [form for gold in golds for form in open_forms(gold)]
    texts = [form for form in right if isinstance(form, str)]
    return any(any(text in one for text in texts) if isinstance(one, str) else one in right for one in readings)


def _tails(reply: str) -> list[str]:
    lowered = reply.strip().strip(".").lower()
    lines = SENTENCE.split(lowered)
    tails = []
    for place, line in enumerate(lines):
        cues = (*CUES, "=") if place == len(lines) - 1 else CUES
        found = [line.rpartition(cue)[2].strip() for cue in cues if cue in line]
        shortest = _shortest(found)
        if shortest and shortest not in TRIVIAL:
            tails.append(shortest)
    return tails or [lowered]


def _shortest(found: Sequence[str]) -> str:
    """Tails in the order of their cues → the shortest; an empty one is forgotten, as officially, when another follows."""
    kept = ""
    for tail in found:
        if not kept or len(tail) < len(kept):
            kept = tail
    return kept


def _numbers(text: str) -> list[str]:
    return [found for pattern in (WITH_COMMAS, SCIENTIFIC, PLAIN) for found in pattern.findall(text)]

"""Subtitles: a film's .srt file → its lines in time, and the words that are said at evenly spread moments.

Source: EvolvingLMMs-Lab/lmms-eval, `lmms_eval/tasks/videomme/utils.py`; BradyFU/Video-MME, README.md, asks for the subtitles
of the frames that a model is shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said from `start` until before `end`, in seconds."""

    start: float
    end: float
    words: str


def parse_srt(text: str) -> list[Line]:
    """Text of an .srt file → its lines in order, tags removed. Blocks without times or words are none."""
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        times = TIMES.search(block)
        words = " ".join(TAG.sub("", block[times.end() :]).split()) if times else ""
        if times and words:
            numbers = [int(value) for value in times.groups()]
            found.append(Line(_seconds(numbers[:4]), _seconds(numbers[4:]), words))
    return found


def said_at(lines: Sequence[Line], moments: Sequence[float]) -> list[Line]:
    """Lines + moments in seconds → the lines that are heard at any of them, each once, in order."""
    return [line for line in lines if any(line.start <= moment < line.end for moment in moments)]


def spread(frames: int, fps: float, count: int) -> list[float]:
    """A film's frames and pace → `count` moments from its first to its last frame, as frame numbers rounded down."""
    last = max(frames - 1, 0)
    return [int(last * place / max(count - 1, 1)) / fps for place in range(count)]


def _seconds(parts: Sequence[int]) -> float:
    hours, minutes, seconds, thousandths = parts
    return 3600 * hours + 60 * minutes + seconds + thousandths / 1000

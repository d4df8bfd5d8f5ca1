"""Moments: a stretch of time for a sentence (Charades-STA, ActivityNet Captions) → R@1 at IoU 0.3, 0.5 and 0.7, and mean IoU."""

import math
import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from omma.core.config import Config, config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number

Span = tuple[float, float]
LEVELS = (0.3, 0.5, 0.7)
TIME = r"(\d{1,9}(?::\d{1,9}){0,2}(?:\.\d{0,9})?)"


def span_iou(a: Span, b: Span) -> float:
    """Two stretches of time → shared over joint time; 0.0 if either ends before it begins or has no length."""
    both = min(a[1], b[1]) - max(a[0], b[0])
    return both / (a[1] - a[0] + b[1] - b[0] - both) if both > 0 else 0.0


@config
class SpanFormat(Config):
    """How a model writes a stretch of time."""

    def read(self, text: str, facts: Facts) -> Span | None:
        """Text → begin and end in seconds, or None. Never raises for any text."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing yet")


@config
class Seconds(SpanFormat):
    """The first `A to B`, `A - B` or `A and B`: seconds, `m:ss` or `h:mm:ss`, with or without `s` or `seconds`."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(rf"{TIME}\s{{0,9}}(?:s|seconds?)?\s{{0,9}}(?:to|-|–|and)\s{{0,9}}{TIME}")

    def read(self, text: str, facts: Facts) -> Span | None:
        found = self.pattern.search(text)
        return (_seconds(found[1]), _seconds(found[2])) if found else None


@config
class Hundredths(SpanFormat):
    """The first `NN to NN` or `NN and NN`, two digits each: hundredths of the video, as VTimeLLM writes. Fact: `duration`, s."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"(\d{2}) (?:to|and) (\d{2})")

    def read(self, text: str, facts: Facts) -> Span | None:
        found = self.pattern.search(text)
        return (int(found[1]) * facts["duration"] / 100, int(found[2]) * facts["duration"] / 100) if found else None


@config
class Moments(Metric):
    """R@1 and mean IoU. The gold is [begin, end] in seconds. A stretch that ends before it begins is bad: wrong and unparsed."""

    format: SpanFormat = Seconds()

    label: ClassVar[str] = "mIoU"
    source: ClassVar[str] = "jiyanggao/TALL main.py"
    ties: ClassVar[str] = "an overlap equal to a level reaches it"

    def overlap(self, said: Span, gold: Span, facts: Facts) -> float:
        """How far two stretches agree."""
        return span_iou(said, gold)

    def extract(self, raw: str, facts: Facts) -> Span | None:
        span = self.format.read(raw, facts)
        return span if span is not None and span[0] < span[1] and all(map(math.isfinite, span)) else None

    def match(self, said: Span, gold: Sequence[float], facts: Facts) -> Mark:
        shared = self.overlap(said, (gold[0], gold[1]), facts)
        return Mark(said, shared, {"span": said})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        rows = [(*(one.mark.score >= level for level in LEVELS), one.mark.score, 1) for one in marked]
        names = (*(f"R@1 IoU={level}" for level in LEVELS), self.label)
        return tuple(
            number(name, marked, rows, lambda sums, place=place: sums[..., place] / sums[..., 4])
            for place, name in enumerate(names)
        )


@config
class VtimeLlmMoments(Moments):
    """VTimeLLM's own rule: IoU is rounded to hundredths before it is compared."""

    format: SpanFormat = Hundredths()

    variant: ClassVar[str] = "vtimellm"
    source: ClassVar[str] = "huangb23/VTimeLLM vtimellm/eval/eval.py, vtimellm/eval/metric.py"

    def overlap(self, said: Span, gold: Span, facts: Facts) -> float:
        return round(span_iou(said, gold), 2)


@config
class LmmsEvalSpans(SpanFormat):
    """As lmms-eval reads it (`tasks/charades_sta/utils.py`, `extract_time`): in lower case, "to" for a dash, of the lines that
    speak of a start or an end (of all, if none does) the first range of clock times, else of numbers; else the first two clock
    times, else the first numbers of two lines, else a range of numbers with an s behind them. The ends are put in order.
    """

    words: ClassVar[tuple[str, ...]] = ("start", "end", "happen")  # its longer key words hold one of these
    number: ClassVar[str] = r"\d{1,30}(?:\.\d{1,30})?"
    clock: ClassVar[str] = r"\d{1,2}:\d{2}(?::\d{2})?"
    dash: ClassVar[str] = r"\s{0,9}[–-]\s{0,9}"
    clocks: ClassVar[re.Pattern[str]] = re.compile(rf"\b({clock}){dash}({clock})\b")
    numbers: ClassVar[re.Pattern[str]] = re.compile(rf"({number}){dash}({number})")
    marked: ClassVar[re.Pattern[str]] = re.compile(rf"({number})\s{{0,9}}s?{dash}({number})")

    def read(self, text: str, facts: Facts) -> Span | None:
        lines = re.split(r"[!?\n]", text.lower().replace("a specific example is : 20.8 - 30.0 seconds", "").replace("to", "-"))
        lines = [line for line in lines if any(word in line for word in self.words)] or lines
        firsts = [found[0] for line in lines if (found := re.search(rf"\b{self.number}\b", line))]
        times = [one for line in lines for one in re.findall(rf"\b{self.clock}\b", line)]
        first = next((pair for pair in (*map(_range(lines), (self.clocks, self.numbers)), times, firsts) if len(pair) > 1), None)
        pair = first or _range(lines)(self.marked)
        if not pair:
            return None
        begin, end = sorted(map(_seconds, pair[:2]))
        return begin, end


@config
class LmmsEvalMoments(Moments):
    """Read more forgivingly: a stretch that ends before it begins is turned round."""

    format: SpanFormat = LmmsEvalSpans()

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/charades_sta/utils.py"


def _range(lines: Sequence[str]) -> Callable[[re.Pattern[str]], Sequence[str]]:
    """Lines → a function that gives the two times of the first line that a pattern fits; none if it fits nowhere."""
    return lambda pattern: next((found.groups() for line in lines if (found := pattern.search(line))), ())


def _seconds(text: str) -> float:
    return sum(float(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))

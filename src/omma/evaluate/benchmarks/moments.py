"""Moments: when in this video does it happen? Charades-STA (arXiv 1705.02101) and ActivityNet Captions (arXiv 1705.00754).

    charades_sta_test.txt       3MSZA 24.3 30.4##person turn a light on.            (jiyanggao/TALL)
    charades_sta_test.jsonl     vid, query, duration, relevant_windows              (the layout of QVHighlights)
    val_2.json                  {"v_…": {duration, timestamps, sentences}}          (ActivityNet Captions, VTimeLLM)
    test-….parquet              video, caption, timestamp                           (the hub's lmms-eval/charades_sta)
    Charades_v1_480/3MSZA.mp4   the videos, beside the file or above, as films or folders of frames

The words are lmms-eval's (`tasks/charades_sta/charades.yaml`) or VTimeLLM's (`vtimellm/eval/eval.py`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.layouts import find_pictures
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import KEY, need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.structured import is_number
from omma.metrics.video.moments import LmmsEvalMoments, Moments, VtimeLlmMoments
from omma.schema.verdict import Record

LINE = re.compile(r"(\S+) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)##(.+)")
FILMS = (".mp4", ".mkv", ".webm", ".avi")
HARNESS = Prompt(
    before="Please find the visual event described by a sentence in the video, determining its starting and ending times. The "
    "format should be: 'The event happens in the start time - end time'. For example, The event 'person turn a light on' happens "
    "in the 24.3 - 30.4 seonds. Now I will give you the textual sentence: ",
    after=". Please return its start time and end time.",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A sentence and when it happens, `begin` to `end` in seconds; `duration` is None where the file does not state it."""

    video: str
    sentence: str
    begin: float
    end: float
    duration: float | None = None


@config
class MomentQuestions(Published):
    """One question a sentence. `videos` are folders of which the first that is there is taken. A period behind a sentence goes.

    Facts: `duration`, s, where the file states it. `trivial` are stretches that are tried as guesses.
    """

    about: ClassVar[str] = "when something happens in a video"
    abilities: ClassVar[tuple[str, ...]] = ("video", "grounding")
    layout: ClassVar[str] = (
        "charades_sta_test.txt, .jsonl or .parquet, or val_2.json, with the videos in a folder beside it or above"
    )

    videos: tuple[str, ...] = ("Charades_v1_480", "Charades_v1", "videos")
    prompt: Prompt = HARNESS
    sampling: Sampling = Sampling(max_tokens=50)
    metrics: tuple[Metric, ...] = (Moments(), LmmsEvalMoments())
    trivial: tuple[str, ...] = ("0 - 10", "0 - 15", "5 - 15", "10 - 20", "15 - 30", "0 - 30", "0 - 120")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → its sentences as questions, in their order."""
        folder = find_pictures(file, uri, self.videos)
        root = file
        for _ in uri.split("/"):
            root = root.parent
        for number, one in enumerate(_moments(file, uri)):
            words = self.prompt.words(self.said(one.sentence))
            sample = asking(str(number), words, [_film(root, folder + one.video)], kind="video", task="moment")
            yield Question(sample, [one.begin, one.end], {} if one.duration is None else {"duration": one.duration})

    def said(self, sentence: str) -> str:
        """A sentence as it is asked for."""
        return sentence.strip().removesuffix(".")

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same stretch always."""
        return self.trivial


@config
class TimedMoments(MomentQuestions):
    """As VTimeLLM asks: sentences in lower case. Its answers are hundredths of the duration, which the file must state."""

    prompt: Prompt = Prompt(before="During which frames can we see ", after="?")
    metrics: tuple[Metric, ...] = (VtimeLlmMoments(),)
    trivial: tuple[str, ...] = ("00 to 99", "00 to 50", "25 to 75", "50 to 99")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → its sentences as questions. DataError for a layout without durations."""
        for question in MomentQuestions.read(self, file, uri):
            if "duration" not in question.facts:
                fix = "take the layout of ActivityNet Captions, or .jsonl"
                raise DataError(f"{uri}: {question.sample.id}", "no duration", "the length of the video, s", fix)
            yield question

    def said(self, sentence: str) -> str:
        """A sentence as it is asked for."""
        return super().said(sentence).lower()


def _moments(file: Path, uri: str) -> Iterator[Moment]:
    if file.suffix == ".txt":
        yield from _of_lines(file, uri)
        return
    for number, row in enumerate(read_rows(file, uri, ())):
        where = f"{uri}:{number}"
        if "sentences" in row:
            yield from _of_video(row, where)
        elif "relevant_windows" in row:
            windows = need(row, "relevant_windows", where)
            window = windows[0] if isinstance(windows, list) and windows else None
            yield _moment(need(row, "vid", where), need(row, "query", where), window, where, need(row, "duration", where))
        else:
            yield _moment(need(row, "video", where), need(row, "caption", where), need(row, "timestamp", where), where)


def _of_lines(file: Path, uri: str) -> Iterator[Moment]:
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        found = LINE.fullmatch(line.strip())
        if found is None:
            raise DataError(f"{uri}:{number}", f"{line[:60]!r}", "video, begin and end in seconds, ##, sentence")
        yield Moment(found[1], found[4], float(found[2]), float(found[3]))


def _of_video(row: dict[str, Any], where: str) -> Iterator[Moment]:
    sentences, windows = need(row, "sentences", where), need(row, "timestamps", where)
    if not isinstance(sentences, list) or not isinstance(windows, list) or len(sentences) != len(windows):
        raise DataError(where, "sentences and timestamps that are no lists of one length", "a timestamp a sentence")
    for sentence, window in zip(sentences, windows, strict=True):
        yield _moment(need(row, KEY, where), sentence, window, where, need(row, "duration", where))


def _moment(video: Any, sentence: Any, window: Any, where: str, duration: Any = None) -> Moment:
    if not isinstance(window, list) or len(window) != 2 or not all(map(is_number, window)):
        raise DataError(where, f"{str(window)[:60]}", "begin and end, s")
    if duration is not None and not (is_number(duration) and duration > 0):
        raise DataError(where, f"a duration of {duration}", "seconds, more than 0")
    return Moment(str(video), str(sentence), float(window[0]), float(window[1]), None if duration is None else float(duration))


def _film(root: Path, name: str) -> str:
    """Name of a video, with or without its ending → the film or the folder of frames that is there; .mp4 if none is."""
    if name.endswith(FILMS) or (root / name).is_dir():
        return name
    return next((name + ending for ending in FILMS if (root / (name + ending)).is_file()), name + FILMS[0])

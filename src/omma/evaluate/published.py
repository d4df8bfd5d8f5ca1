"""Published: the benchmarks of the field, read from a folder in the layout in which they are published.

A benchmark says how a row becomes a `Question`, which metrics score the replies (the official one first) and which
facts part them into subsets. All that can go wrong with a row is a counted row: a picture that cannot be read, an
answer that is missing. No denominator ever changes silently.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from omma.answerers.answerer import Answerer
from omma.answerers.words import question_words
from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.files import inside
from omma.core.progress import say_once
from omma.evaluate.accuracy import WHOLE
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.asking.replies import Replies
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.known import Known
from omma.evaluate.marks import SHOWN
from omma.evaluate.question import Question, Supply
from omma.evaluate.recorded import Recorded
from omma.generate.sight import Sight, through
from omma.media.decode import decode, measure
from omma.media.store import Store
from omma.media.video import measure_video
from omma.metrics.metric import Marked, Metric, Number
from omma.schema.sample import Media
from omma.schema.verdict import Record, Verdict

WINDOW = 512  # questions whose pictures are looked at before they are asked
MANY = 5  # questions with pictures of which one at least must be readable
GUESSES = 8  # constant answers that are tried as trivial guesses
Size = Callable[[bytes, str], tuple[int, int]]
Worded = Callable[[str, Mapping[str, Any]], str]
UNREADABLE, MISSING, ERROR = "unreadable", "missing", "error"
UNANSWERED = (UNREADABLE, MISSING, ERROR)  # finishes of rows without a reply
REPLIED = ("boxes", "judge")  # facts of a reply, which a guess has not


@config
class Published(Benchmark):
    """Questions of one published benchmark. `path` is its file or folder below the data root, or below its own folder there.

    Class constants: `about` (one line), `abilities` (what it tests), `size` (how many questions were published; 0 if that
    varies), `layout` (what lies at `path`, said in errors).
    """

    about: ClassVar[str] = ""
    abilities: ClassVar[tuple[str, ...]] = ()
    size: ClassVar[int] = 0
    layout: ClassVar[str] = ""

    path: str
    asking: Asking = Replies()
    metrics: tuple[Metric, ...]
    subsets: tuple[str, ...] = ()  # names of facts: each of their values is a subset of its own
    judging: JudgeWords = JudgeWords()  # what a judge is told, if a person names one

    def check(self) -> None:
        super().check()
        if not self.metrics:
            raise ConfigError(f"{self.name}.metrics", "none", "at least one; the first is the main one")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """The file or folder and its name in the store → all questions in published order. DataError for another layout."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing yet")

    def questions(self, supply: Supply) -> list[Question]:
        """Supply with a data root → the questions that are asked. DataError if they are not there or share an id."""
        file, uri = self.place(supply.root)
        found = list(self.read(file, uri))
        if not found:
            raise DataError(uri, "no questions", self.layout or "at least one", "fetch the benchmark again")
        twice = [name for name, count in Counter(question.sample.id for question in found).items() if count > 1]
        if twice:
            raise DataError(uri, f"{len(twice)} ids that stand there twice, such as {twice[0]!r}", "each id once")
        if self.size and len(found) != self.size:
            say_once(
                f"{self.name}: {len(found):,} questions lie there, {self.size:,} were published; scores are of those that are there"
            )
        return self.limited(found)

    def place(self, root: Path | None) -> tuple[Path, str]:
        """Data root → (file, its name in the store): `path` below the root, or below the folder of this benchmark's name.

        Where the two have one name, a folder that holds nothing but `path` is the benchmark's own.
        """
        if root is None:
            raise ConfigError(f"suite.{self.name}", "no folder to read it from", self.layout, "give it with --data FOLDER")
        for uri in (self.path, f"{self.name}/{self.path}"):
            file = inside(root, uri)
            if file.exists() and not _wraps(file, self.path):
                return file, uri
        there = ", ".join(sorted(entry.name for entry in root.iterdir())[:8]) if root.is_dir() else "no such folder"
        got = f"neither {self.path} nor {self.name}/{self.path}; there is {there or 'nothing'}"
        raise DataError(str(root), got, self.layout or f"the file of {self.name}", "give its folder with --data FOLDER")

    def beside(self, uri: str, name: str) -> str:
        """Name of the benchmark's file in the store + name of something that lies beside it → that one's name in the store."""
        folder = uri.rpartition("/")[0]
        return f"{folder}/{name}" if folder else name

    def seen(self, question: Question, supply: Supply) -> Question:
        """Question → the same with the sizes and hashes of its pictures, as far as they can be read."""
        return _looked_at(question, supply.store, _stated_size)[0]

    def records(
        self, answerer: Answerer, questions: Sequence[Question], supply: Supply, sight: Sight, start: int = 0
    ) -> Iterator[Record]:
        """Questions from number `start` on → unmarked records, in order; those whose pictures cannot be read say so."""
        rest = iter(questions[start:])
        while window := list(islice(rest, WINDOW)):
            yield from self._answered(answerer, window, supply.store, sight)

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → marked by the main metric; those that others are only compared with stay unmarked."""
        marks = {one.id: one.mark for one in self.marked(self.metrics[0], records)}
        found = [(record, marks.get(record.sample_id)) for record in records]
        return [
            replace(record, extracted=_short(mark.said), correct=_known(mark.score), parsed=mark.parsed) if mark else record
            for record, mark in found
        ]

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records → verdicts of the main metric over all and per subset, then of the other metrics over all."""
        if not records:
            raise DataError(f"suite.{self.name}", "no records to score", "at least one", "run `omma eval` first")
        guesses = self.guesses(records)
        verdicts: list[Verdict] = []
        for metric in self.metrics:
            marked = self.marked(metric, records)
            groups = {WHOLE: list(range(len(marked)))} | (self._subsets(marked) if metric is self.metrics[0] else {})
            guess = _best_guess(metric, guesses, marked, self.worded)
            for subset, places in groups.items():
                trivial = {number.metric: number.value for number in metric.aggregate([guess[i] for i in places])} if guess else {}
                verdicts += [
                    self._verdict(metric, subset, number, trivial.get(number.metric))
                    for number in metric.aggregate([marked[i] for i in places])
                ]
        return tuple(verdicts)

    def marked(self, metric: Metric, records: Sequence[Record]) -> list[Marked]:
        """Metric + all records → a mark each, under the record's id. Fewer where several records make one reply."""
        return [self.judged(metric, record) for record in records]

    def judged(self, metric: Metric, record: Record) -> Marked:
        """Record + metric → its mark. A row that was never answered is unparsed, whatever the metric makes of empty words."""
        facts = self.facts(record)
        if record.details.get("finish") in UNANSWERED:
            return Marked(record.sample_id, record.gold, facts, metric.unread(record.gold, facts))
        return Marked(record.sample_id, record.gold, facts, metric.judge(record.raw, record.gold, facts))

    def facts(self, record: Record) -> dict[str, Any]:
        """Record → what metrics know of its question and reply beside the words: `boxes` are in px of the first picture.

        `judge` is the text of a judge's verdict, where there is one.
        """
        boxes, judge = record.details.get("boxes"), record.details.get("judge", {}).get("verdict")
        told = ({"boxes": boxes} if boxes else {}) | ({"judge": judge} if judge else {})
        return {"task": record.task} | record.facts | told

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Records → the constant replies that someone would try who sees no picture: the most common right answers."""
        golds = [text for record in records for text in _texts(record.gold)]
        return [text for text, _ in sorted(Counter(golds).items(), key=lambda item: (-item[1], item[0]))[:GUESSES]]

    def worded(self, guess: str, facts: Mapping[str, Any]) -> str:
        """A guess + facts of a question → the reply that says it there: the same everywhere, as a rule."""
        return guess

    def _subsets(self, marked: Sequence[Marked]) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for name in self.subsets:
            values = sorted({str(one.facts.get(name, "")) for one in marked} - {""})
            for value in values:
                groups[value] = [i for i, one in enumerate(marked) if str(one.facts.get(name, "")) == value]
        return groups

    def _verdict(self, metric: Metric, subset: str, number: Number, trivial: float | None) -> Verdict:
        return Verdict(
            benchmark=self.name,
            metric=number.metric,
            subset=subset,
            value=number.value,
            count=number.count,
            unparsed=number.unparsed,
            low=number.low,
            high=number.high,
            trivial=trivial,
            higher_is_better=number.higher_is_better,
            variant=metric.variant,
            unit=number.unit,
            ties="" if metric.ties == Metric.ties else metric.ties,
        )

    def _answered(self, answerer: Answerer, questions: Sequence[Question], store: Store | None, sight: Sight) -> Iterator[Record]:
        looked = [_looked_at(question, store, _decoded_size) for question in questions]
        self._check_pictures(looked)
        asking = Replies() if isinstance(answerer, Recorded) else self.asking  # recorded scores and vectors are texts as they stand
        answers = asking.ask(answerer, [question for question, broken in looked if not broken], self.sampling, through(sight))
        for question, broken in looked:
            answer = Answered("", {"finish": UNREADABLE, "error": broken}) if broken else next(answers)
            sample = question.sample
            prompt = "" if broken else answerer.prompt_hash(sample)
            details = {"asked": self.asked(prompt, sample, sight)} | answer.details
            yield Record(
                sample.id,
                sample.task,
                question_words(sample),
                question.gold,
                answer.raw,
                picture=sample.media[0].uri if sample.media else "",
                facts=question.facts,
                details=details,
            )

    def _check_pictures(self, looked: Sequence[tuple[Question, str]]) -> None:
        """DataError if not one picture of so many questions can be read: then they are not where the benchmark's file says."""
        shown = [(question, broken) for question, broken in looked if question.sample.media]
        if len(shown) < MANY or not all(broken for _, broken in shown):
            return
        got = f"none of the first {len(shown)} pictures can be read, such as {shown[0][0].sample.media[0].uri}: {shown[0][1]}"
        fix = "unpack them beside the benchmark's file, or give --data a folder above both"
        raise DataError(f"suite.{self.name}", got, "the pictures of the benchmark", fix)


def _best_guess(metric: Metric, guesses: Sequence[str], marked: Sequence[Marked], worded: Worded) -> list[Marked]:
    """The marks of the constant reply that scores highest over all; none if there is no guess."""
    best: tuple[float, list[Marked]] = (-math.inf, [])
    for text in guesses:
        given = [(one, {name: value for name, value in one.facts.items() if name not in REPLIED}) for one in marked]
        said = [Marked(one.id, one.gold, facts, metric.judge(worded(text, facts), one.gold, facts)) for one, facts in given]
        numbers = metric.aggregate(said)
        value = numbers[0].value * (1 if numbers[0].higher_is_better else -1) if numbers else math.nan
        if value > best[0]:
            best = value, said
    return best[1]


def _wraps(folder: Path, path: str) -> bool:
    """Whether a folder holds nothing but what it is called itself."""
    return folder.is_dir() and [entry.name for entry in folder.iterdir()] == [path]


def _looked_at(question: Question, store: Store | None, size: Size) -> tuple[Question, str]:
    """Question → the same with the hashes and sizes of its pictures, and what is wrong with them if anything is."""
    if store is None:
        return question, ""
    try:
        media = tuple(_measured(one, store, size) for one in question.sample.media)
    except DataError as error:
        return question, str(error)
    return replace(question, sample=replace(question.sample, media=media)), ""


def _measured(media: Media, store: Store, size: Size) -> Media:
    if media.kind == "video":
        facts = measure_video(store, media.uri)
        known = replace(media, width=facts.width, height=facts.height, frames=facts.frames, fps=facts.fps)
        return known if store.folder(media.uri) else replace(known, sha256=hashlib.sha256(store.read(media.uri)).hexdigest())
    data = store.read(media.uri)
    width, height = size(data, media.uri)
    return replace(media, sha256=hashlib.sha256(data).hexdigest(), width=width, height=height)


def _decoded_size(data: bytes, uri: str) -> tuple[int, int]:
    height, width = decode(data, name=uri).shape[:2]
    return width, height


def _stated_size(data: bytes, uri: str) -> tuple[int, int]:
    return measure(data, name=uri)


def _known(score: float) -> float | None:
    """The score of one reply; none where only all replies together have one."""
    return None if math.isnan(score) else score


def _short(said: Any) -> str:
    return "" if said is None else str(said)[:SHOWN]


def _texts(gold: Any) -> list[str]:
    if isinstance(gold, str):
        return [gold]
    return sorted({text for text in gold if isinstance(text, str)}) if isinstance(gold, list | tuple) else []

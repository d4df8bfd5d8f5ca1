"""contamination: a training text that shares a run of words with a benchmark's text → dropped. Score: how many of its runs do.

The length of runs varies: 13 words in GPT-3 (Brown et al. 2020, appendix C), 12 in github.com/huggingface/datatrove
(`decontamination/n_grams.py`). Questions about pictures are shorter than pages, so the default is 8, and a benchmark text with
fewer words is looked for whole. As in GPT-3, runs that stand in more than ten texts tell nothing: there of those trained on,
here of a benchmark's questions, whose prompts share their instructions ("Answer the question using a single word or phrase.").
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import ClassVar, Literal

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Drops, TextOperator
from omma.curate.sets.benchmark_marks import contents, read_texts
from omma.schema.sample import Sample

SHORTEST = 4  # words: "what is this?" stands in every data set
# A token: a run of letters and digits, or one letter of a script that sets no spaces.
TOKEN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\\W_]+")
NAMED = 3  # questions that a reason names
Run = tuple[str, ...]
Runs = dict[Run, str]  # and where the first text with it stands


@config
class Contamination(TextOperator):
    """`marks` are files of `omma data marks`; `path` is a UTF-8 file, one benchmark text a line. One of them, or both.

    Texts under 4 words are left out, and of `marks` runs that stand in more than `common` questions of their benchmark.
    Case, width and marks do not matter. Captions, questions and replies, answers and preferences are looked at, each alone.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("path", "run")
    path: str = ""
    marks: tuple[str, ...] = ()
    run: int = 8
    common: int = 10
    max_found: int = 0

    def check(self) -> None:
        if self.run < SHORTEST:
            raise ConfigError("Contamination.run", str(self.run), f"{SHORTEST} words or more")
        if self.common < 1:
            raise ConfigError("Contamination.common", str(self.common), "1 question or more")
        if self.max_found < 0:
            raise ConfigError("Contamination.max_found", str(self.max_found), "0 or more")

    @property
    def key(self) -> str:
        """As any operator's, and the content of the files."""
        content = Path(self.path).read_bytes() if self.path and Path(self.path).is_file() else b""
        marked = f"-{contents(self.marks)}-{self.common}" if self.marks else ""
        return f"{super().key}-{hashlib.sha256(content).hexdigest()[:8]}{marked}"

    @property
    def threshold(self) -> float:
        """Most shared runs of a text that stays."""
        return float(self.max_found)

    def score(self, sample: Sample) -> float:
        """Number of places in the sample where a benchmark's run begins; DataError without benchmark texts."""
        return float(sum(1 for _ in self._found(sample)))

    def decide(self, score: float) -> str:
        """More than `max_found`."""
        return "" if score <= self.max_found else f"{score:.0f} runs of words stand in a benchmark, too"

    def note(self, sample: Sample) -> str:
        """The first questions, or lines, that it shares runs with."""
        return ", ".join(list(dict.fromkeys(self._found(sample)))[:NAMED])

    def _found(self, sample: Sample) -> Iterator[str]:
        """For each place where a benchmark's run begins where that stands; of several runs there the shortest."""
        known, lengths = _benchmark(self.path, self.marks, self.run, self.common, contents(self.marks))
        for text in _everything(sample):
            words = tokens(text)
            for i in range(len(words)):
                where = next((known[run] for n in lengths if (run := tuple(words[i : i + n])) in known), "")
                if where:
                    yield where


def tokens(text: str) -> list[str]:
    """Text → its words without case, width and marks."""
    return TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=4)
def _benchmark(path: str, marks: tuple[str, ...], run: int, common: int, content: str) -> tuple[Runs, tuple[int, ...]]:
    """Files → runs of `run` words of their texts, and whole texts that are shorter, with where they stand; their lengths.

    `content` is that of the marks: other ones are read anew.
    """
    if not path and not marks:
        got, expected = "no benchmark texts", "marks of benchmarks, or a file of one text a line"
        raise DataError("Contamination", got, expected, "set marks=FILE (`omma data marks` writes it) or path=FILE")
    found = _lines(path, run) if path else {}
    for file in marks:
        found |= _marked(file, run, common)
    if not found:
        got = f"no text of {SHORTEST} words or more that few questions share"
        raise DataError(", ".join(filter(None, (path, *marks))), got, "benchmark texts")
    return found, tuple(sorted({len(words) for words in found}))


def _lines(path: str, run: int) -> Runs:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"cannot be read: {error}", "a UTF-8 file of one text a line") from None
    found: Runs = {}
    for number, line in enumerate(lines, 1):
        for words in _runs(line, run):
            found.setdefault(words, f"{Path(path).name} line {number}")
    if not found:
        raise DataError(path, f"no text of {SHORTEST} words or more", "one benchmark text a line")
    return found


def _marked(file: str, run: int, common: int) -> Runs:
    """Runs of a file of marks that at most `common` questions of their benchmark share."""
    found: Runs = {}
    for _, texts in groupby(read_texts(file), key=lambda mark: mark.benchmark):
        names: Runs = {}
        counts: dict[Run, int] = {}
        for mark in texts:
            for words in set(_runs(mark.text, run)):
                names.setdefault(words, mark.name)
                counts[words] = counts.get(words, 0) + len(mark.questions)
        found |= {words: name for words, name in names.items() if counts[words] <= common}
    return found


def _runs(text: str, run: int) -> Iterator[Run]:
    words = tokens(text)
    if len(words) >= SHORTEST:
        yield from (tuple(words[i : i + run]) for i in range(max(1, len(words) - run + 1)))


def _everything(sample: Sample) -> tuple[str, ...]:
    turns = (*sample.turns, *sample.chosen, *sample.rejected)
    answers = sample.answer.texts if sample.answer else ()
    return (*(caption.text for caption in sample.captions), *(turn.text for turn in turns), *answers)

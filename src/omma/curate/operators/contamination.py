"""contamination: a training text that shares a run of words with a benchmark's text → dropped. Score: how many of its runs do.

The length of runs varies: 13 words in GPT-3 (Brown et al. 2020, appendix C), 12 in github.com/huggingface/datatrove
(`decontamination/n_grams.py`). Questions about pictures are shorter than pages, so the default is 8, and a benchmark text with
fewer words is looked for whole.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Drops, TextOperator
from omma.schema.sample import Sample

SHORTEST = 4  # words: "what is this?" stands in every data set
# A token: a run of letters and digits, or one letter of a script that sets no spaces.
TOKEN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\\W_]+")
Runs = frozenset[tuple[str, ...]]


@config
class Contamination(TextOperator):
    """`path` is a UTF-8 file, one benchmark text a line; those under 4 words are left out.

    Case, width and marks do not matter. Captions, questions and replies, answers and preferences are looked at, each alone.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("path", "run")
    path: str = ""
    run: int = 8
    max_found: int = 0

    def check(self) -> None:
        if self.run < SHORTEST:
            raise ConfigError("Contamination.run", str(self.run), f"{SHORTEST} words or more")
        if self.max_found < 0:
            raise ConfigError("Contamination.max_found", str(self.max_found), "0 or more")

    @property
    def key(self) -> str:
        """As any operator's, and the content of the file."""
        content = Path(self.path).read_bytes() if self.path and Path(self.path).is_file() else b""
        return f"{super().key}-{hashlib.sha256(content).hexdigest()[:8]}"

    @property
    def threshold(self) -> float:
        """Most shared runs of a text that stays."""
        return float(self.max_found)

    def score(self, sample: Sample) -> float:
        """Number of places in the sample where a benchmark's run begins; DataError without benchmark texts."""
        known = _benchmark(self.path, self.run)
        lengths = sorted({len(run) for run in known})
        found = 0
        for text in _everything(sample):
            words = tokens(text)
            found += sum(any(tuple(words[i : i + n]) in known for n in lengths) for i in range(len(words)))
        return float(found)

    def decide(self, score: float) -> str:
        """More than `max_found`."""
        return "" if score <= self.max_found else f"{score:.0f} runs of words stand in a benchmark, too"


def tokens(text: str) -> list[str]:
    """Text → its words without case, width and marks."""
    return TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=4)
def _benchmark(path: str, run: int) -> Runs:
    """File → all runs of `run` words of its lines, and whole lines that are shorter."""
    if not path:
        raise DataError("Contamination.path", "no benchmark texts", "a file of one text a line", "set path=FILE")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"cannot be read: {error}", "a UTF-8 file of one text a line") from None
    runs: set[tuple[str, ...]] = set()
    for words in map(tokens, lines):
        if len(words) >= SHORTEST:
            runs.update(tuple(words[i : i + run]) for i in range(max(1, len(words) - run + 1)))
    if not runs:
        raise DataError(path, f"no text of {SHORTEST} words or more", "one benchmark text a line")
    return frozenset(runs)


def _everything(sample: Sample) -> tuple[str, ...]:
    turns = (*sample.turns, *sample.chosen, *sample.rejected)
    answers = sample.answer.texts if sample.answer else ()
    return (*(caption.text for caption in sample.captions), *(turn.text for turn in turns), *answers)

"""MMBench: multiple choice over twenty abilities, each question asked with its options rotated (arXiv 2307.06281).

    MMBench_DEV_EN.tsv    index, question, hint, A to D, answer, category, l2-category, image (base64, or the index of the
                          pass that holds it); rows of later passes have an index of 1,000,000 more each

The answers of the test files are not published; their rows are refused.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmbench import LmmsEvalMmBench, MmBench
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

LETTERS = "ABCDEFGH"
HARNESS = Prompt(
    hint="Hint: {hint}\n",
    question="Question: {question}\n",
    choices="Options:\n",
    choice="{letter}. {choice}\n",
    between="",
    after="Please select the correct answer from the options above. \n",
)


@config
class MmBenchQuestions(Published):
    """The words are VLMEvalKit's, whose authors are MMBench's. The first metric is circular accuracy."""

    about: ClassVar[str] = "abilities from recognition to logic, options rotated"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "reasoning")
    layout: ClassVar[str] = "the published file MMBench_….tsv"

    prompt: Prompt = HARNESS
    sampling: Sampling = Sampling(max_tokens=32)
    metrics: tuple[Metric, ...] = (MmBench(), LmmsEvalMmBench())
    subsets: tuple[str, ...] = ("category",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Table → its questions, all passes in the order of the file."""
        for number, row in enumerate(read_rows(file, uri)):
            where = f"{uri}:{number + 1}"
            if "answer" not in row:
                fix = "take a dev file: test files are scored by the benchmark's server"
                raise DataError(where, "no answer", "the letter of the right option", fix)
            index, choices = int(need(row, "index", where)), options(row)
            words = self.prompt.words(str(need(row, "question", where)), choices, str(row.get("hint", "")))
            sample = asking(str(index), words, need(row, "image", where), task=str(row.get("l2-category", "")))
            facts = {"index": index, "choices": choices, "category": str(row.get("category", ""))}
            yield Question(sample, str(row["answer"]), facts)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same letter always, which rotation makes worth nothing."""
        return "A", "B", "C", "D"


def options(row: dict[str, Any]) -> list[str]:
    """Row with a column per letter → the options that it has."""
    return [str(row[letter]) for letter in LETTERS if letter in row]

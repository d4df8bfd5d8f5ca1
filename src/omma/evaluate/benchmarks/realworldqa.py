"""RealWorldQA: 765 questions about what cameras of cars and people saw, most of them by letter (xAI, 2024).

    realworldqa/data/test-00000-of-00002.parquet    question (with its options and how to answer), answer, image

or, with options apart, VLMEvalKit's RealWorldQA.tsv (index, question, A to D, answer, image), which is a suite of its own
because its words differ.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.mmbench import HARNESS, options
from omma.evaluate.layouts import find_tables
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.choice.realworldqa import LmmsEvalRealWorldQa
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric
from omma.schema.verdict import Record


@config
class RealWorldQaQuestions(Published):
    """Questions as they are stored, stripped. Its makers publish no script: words, 16 tokens and rule are lmms-eval's."""

    about: ClassVar[str] = "what cameras of cars and people saw"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "spatial")
    size: ClassVar[int] = 765
    layout: ClassVar[str] = "a folder with the hub's Parquet files test-….parquet"

    name: str = "realworldqa"
    path: str = "realworldqa"
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (LmmsEvalRealWorldQa(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions, numbered through."""
        tables = find_tables(file, uri, (), ("test",))
        rows = [(f"{name}:{i}", row) for table, name in tables for i, row in enumerate(read_rows(table, name))]
        for number, (where, row) in enumerate(rows):
            words = self.prompt.words(str(need(row, "question", where)).strip())
            yield Question(asking(str(number), words, need(row, "image", where)), str(need(row, "answer", where)).strip())

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same letter or word always."""
        return "A", "B", "C", "Yes", "No"


@config
class RealWorldQaOptions(RealWorldQaQuestions):
    """Options apart, asked and read as VLMEvalKit does without a judge."""

    layout: ClassVar[str] = "a folder with RealWorldQA.tsv"

    name: str = "realworldqa_vlmevalkit"
    prompt: Prompt = HARNESS
    sampling: Sampling = Sampling(max_tokens=32)
    metrics: tuple[Metric, ...] = (VlmEvalKitChoice(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("RealWorldQA.tsv",)):
            for number, row in enumerate(read_rows(table, name)):
                where = f"{name}:{number}"
                choices = options(row)
                if not choices:
                    raise DataError(where, f"no options among {', '.join(row)}", "columns A, B, …", "take the suite realworldqa")
                words = self.prompt.words(str(need(row, "question", where)), choices, str(row.get("hint", "")))
                sample = asking(str(need(row, "index", where)), words, need(row, "image", where))
                yield Question(sample, str(need(row, "answer", where)), {"choices": choices}, tuple(choices))

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same letter always."""
        return "A", "B", "C", "D"

"""AI2D: multiple choice about diagrams of school books (arXiv 1603.07396), as the two harnesses publish it.

    ai2d/AI2D_TEST.tsv             index, question, A to D, answer (letter), category, image (base64); VLMEvalKit's table
    ai2d/…/test-00000-of-….parquet question, options, answer (number from 0), image; the data set of the hub that lmms-eval reads

In AI2D_TEST_NO_MASK.tsv and its data set the labels in the picture are left readable beside their letters: another benchmark,
whose scores are some points higher.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import letter_by_number, numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.ai2d import LmmsEvalAi2d
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric


@config
class Ai2dQuestions(Published):
    """There is no official script; prompt and 16 tokens are lmms-eval's, which are LLaVA's."""

    about: ClassVar[str] = "diagrams of school books, multiple choice"
    abilities: ClassVar[tuple[str, ...]] = ("diagrams", "science")
    size: ClassVar[int] = 3088
    layout: ClassVar[str] = "a folder with AI2D_TEST.tsv or test-….parquet"

    table: str = "AI2D_TEST.tsv"
    prompt: Prompt = Prompt(after=LETTER)
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (LmmsEvalAi2d(), VlmEvalKitChoice())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for number, where, row in numbered(file, uri, (self.table,), ("test",)):
            choices = options_of(row)
            gold = (right_letter if "A" in row else letter_by_number)(row, choices, where)
            words = self.prompt.words(str(need(row, "question", where)), choices)
            sample = asking(str(row.get("index", number)), words, need(row, "image", where))
            yield Question(sample, gold, {"choices": choices})

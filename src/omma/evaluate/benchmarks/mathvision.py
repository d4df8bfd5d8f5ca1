"""MATH-Vision: 3,040 problems with a figure from mathematical competitions, lettered or open (arXiv 2402.14804).

    mathvision/test.jsonl             {"id", "question", "options", "answer", "image": "images/1.jpg", "level", "subject"}
    mathvision/images/1.jpg           or images.zip
    mathvision/…/test-….parquet       the same columns and decoded_image; the hub's
    mathvision/MathVision.tsv         index, question, answer, choices, level, category, image; VLMEvalKit's

Testmini (304 of them) has the same layout: testmini.jsonl, testmini-….parquet, MathVision_MINI.tsv.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import FIX, options_of
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.math.mathvision import MathVision, VlmEvalKitMathVision
from omma.metrics.metric import Metric

BOXED = (
    'Please solve the problem step by step and put your answer in one "\\boxed{}". If it is a multiple choice question, only one '
    'letter is allowed in the "\\boxed{}".\n'
)  # mathllm/MATH-V, models/Qwen-VL.py
MARK = "<image{}>"


@config
class MathVisionQuestions(Published):
    """The official words and 4,096 tokens. Options that are mere letters are not written; "<image1>" stands for the picture."""

    about: ClassVar[str] = "problems of mathematical competitions"
    abilities: ClassVar[tuple[str, ...]] = ("mathematics", "reasoning")
    size: ClassVar[int] = 3040
    layout: ClassVar[str] = "a folder with test.jsonl and images, test-….parquet, or MathVision.tsv"

    path: str = "mathvision"
    tables: tuple[str, ...] = ("test.jsonl", "MathVision.tsv")
    split: str = "test-"
    prompt: Prompt = Prompt(before=BOXED, choice="({letter}) {choice}", after="\n")
    sampling: Sampling = Sampling(max_tokens=4096)
    metrics: tuple[Metric, ...] = (MathVision(), VlmEvalKitMathVision())
    subsets: tuple[str, ...] = ("subject", "level")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for table, name in find_tables(file, uri, self.tables, (self.split,)):
            column = "decoded_image" if table.suffix == ".parquet" else "image"
            folder = find_pictures(table, name, ("images",)) if table.suffix == ".jsonl" else ""
            for number, row in enumerate(read_rows(table, name, (column,))):
                where = f"{name}:{number}"
                shown = need(row, column, where)
                pictures = (folder + str(shown).removeprefix("images/"),) if folder else tuple(shown)
                yield self._question(row, pictures, where)

    def _question(self, row: dict[str, Any], pictures: tuple[str, ...], where: str) -> Question:
        key = next((str(row[name]) for name in ("id", "index") if name in row), "")
        if not key or "answer" not in row:
            raise DataError(where, "no answer" if key else "no id", "a question with its answer", FIX)
        choices = options_of(row)
        subject = str(row.get("subject", row.get("category", "")))
        words = self._words(str(need(row, "question", where)), choices)
        facts = {"choices": choices, "subject": subject} | ({"level": f"level {row['level']}"} if "level" in row else {})
        return Question(asking(key, words, pictures, task=subject, mark=MARK), str(row["answer"]), facts)

    def _words(self, question: str, choices: list[str]) -> str:
        return self.prompt.words(question, () if "".join(choices) == "ABCDE"[: len(choices)] else choices)

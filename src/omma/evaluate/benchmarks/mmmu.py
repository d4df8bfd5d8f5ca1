"""MMMU: college questions of thirty subjects, with one to seven pictures, lettered or open (arXiv 2311.16502). Val, 900.

    mmmu/Accounting/validation-00000-of-00001.parquet    one folder a subject: id, question, options (a list as text), answer,
                                                         question_type, image_1 to image_7
    mmmu/MMMU_DEV_VAL.tsv                                index, id, question, A to I, answer, split, image (several); VLMEvalKit's

"<image 1>" in questions and options stands for the picture of that number, which is shown there. The answers of the test
files are not published; their rows are refused.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import several
from omma.evaluate.prompt import LETTER, SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import FIX, HIDDEN, numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmmu import LmmsEvalMmmu, Mmmu, MmmuSeeded, VlmEvalKitMmmu
from omma.metrics.metric import Metric

IMAGES = tuple(f"image_{number}" for number in range(1, 8))
MARK = "<image {}>"
SUBJECT = re.compile(r"(?:dev|validation|test)_(\w+)_\d+")
SPLIT = "validation"


@config
class MmmuQuestions(Published):
    """The official words ("(A) text"), greedy; their script leaves the length to the model, 128 tokens are lmms-eval's.

    The official script shows a model the first picture only; here every picture is shown, as both harnesses do.
    """

    about: ClassVar[str] = "college questions of thirty subjects"
    abilities: ClassVar[tuple[str, ...]] = ("knowledge", "reasoning")
    size: ClassVar[int] = 900
    layout: ClassVar[str] = "a folder with validation-….parquet of every subject, or MMMU_DEV_VAL.tsv"

    path: str = "mmmu"
    lettered: Prompt = Prompt(choice="({letter}) {choice}", after="\n" + LETTER)
    open: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=128)
    metrics: tuple[Metric, ...] = (Mmmu(), MmmuSeeded(), LmmsEvalMmmu(), VlmEvalKitMmmu())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → the questions of the validation split in order."""
        for number, where, row in numbered(file, uri, ("MMMU_DEV_VAL.tsv",), (SPLIT,), ("image", *IMAGES)):
            if row.get("split", SPLIT) == SPLIT:
                yield self._question(str(row.get("id", row.get("index", number))), row, where)

    def _question(self, name: str, row: dict[str, Any], where: str) -> Question:
        choices, question = options_of(row), str(need(row, "question", where))
        subject = _subject(name, row, where)
        gold = right_letter(row, choices, where) if choices else _accepted(row, where)
        words = (self.lettered if choices else self.open).words(question, choices)
        sample = asking(name, words, pictures_of(row), task=subject, mark=MARK)
        return Question(sample, gold, {"choices": choices, "subject": subject})


def pictures_of(row: dict[str, Any]) -> Sequence[str]:
    """Row with `image` or with image_1 to image_7 → the pictures that it has, in order."""
    return [name for column in ("image", *IMAGES) for name in row.get(column, ())]


def _subject(name: str, row: dict[str, Any], where: str) -> str:
    found = SUBJECT.fullmatch(name)
    return found[1] if found else str(need(row, "category", where)).replace(" ", "_")


def _accepted(row: dict[str, Any], where: str) -> str | list[str]:
    """The texts that are right answers to an open question: one as it is, several as a list."""
    answer = row.get("answer", "")
    if isinstance(answer, str) and answer.strip().lower() in HIDDEN:
        raise DataError(where, "no answer", "the right answer", FIX)
    texts = several(answer)
    return texts[0] if len(texts) == 1 else texts

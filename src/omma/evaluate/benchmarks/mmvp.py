"""MMVP: 150 pairs of pictures that CLIP takes for one, the same question about each (arXiv 2401.06209).

    mmvp/Questions.csv         Index, Question, Options ("(a) Open (b) Closed"), Correct Answer ("(a)")
    mmvp/MMVP Images/1.jpg     the pictures, in the order of the rows
    mmvp/MMVP.tsv              index, question, A, B, answer, image (base64); VLMEvalKit's table

Rows 1 and 2 are a pair, 3 and 4, …. Two pairs of the original file have their answers swapped (99 and 100, 279 and 280);
lmms-eval corrects them, and files are read as they are.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.layouts import find_pictures
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmvp import LmmsEvalMmvp, Mmvp, VlmEvalKitMmvp
from omma.metrics.metric import Metric

OPTION = re.compile(r"\([a-z]\)\s*([^(]+?)(?=\s*\([a-z]\)|$)", re.IGNORECASE)
TABLES = ("Questions.csv", "MMVP.tsv")
VERDICT = JudgeWords(
    text="""\
Is this answer to a question about a picture right? You know the right option.

Question: {question}
Right option: {gold}
Answer: {reply}

Write yes or no and nothing else.""",
    max_tokens=4,
)


@config
class SmallLetters(Prompt):
    """Question and options as the file has them: "Open or closed? (a) Open (b) Closed"."""

    choices: str = " "
    choice: str = "({letter}) {choice}"
    between: str = " "

    def words(self, question: str, choices: Sequence[str] = (), hint: str = "") -> str:
        """Question and choices → the prompt, its letters small."""
        lowered = [self.choice.replace("{letter}", "ab"[place]).replace("{choice}", text) for place, text in enumerate(choices)]
        return super().words(question + self.choices + self.between.join(lowered))


@config
class MmvpQuestions(Published):
    """The official words (question, then the options as stored) and 1,024 tokens, read by the harnesses' rules without a judge.

    The official score is by a judge's yes or no, and is `JudgedMmvpQuestions`.
    """

    about: ClassVar[str] = "pairs of pictures that CLIP takes for one"
    abilities: ClassVar[tuple[str, ...]] = ("perception",)
    size: ClassVar[int] = 300
    layout: ClassVar[str] = "a folder with Questions.csv and MMVP Images, or MMVP.tsv"

    path: str = "mmvp"
    prompt: Prompt = SmallLetters()
    sampling: Sampling = Sampling(max_tokens=1024)
    metrics: tuple[Metric, ...] = (LmmsEvalMmvp(), VlmEvalKitMmvp())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions, pair by pair."""
        folder = ""
        for number, where, row in numbered(file, uri, TABLES):
            index = number + 1
            pictures = row.get("image", ())
            if not pictures:
                folder = folder or find_pictures(file, uri, ("MMVP Images",))
                pictures = (f"{folder}{index}.jpg",)
            question, choices, gold = _asked(row, where)
            words = self.prompt.words(question, choices)
            yield Question(asking(str(index), words, pictures), gold, {"index": index, "choices": choices})


@config
class JudgedMmvpQuestions(MmvpQuestions):
    """The same, scored as the official script does: a judge says yes or no to every reply. The judge's words are our own."""

    metrics: tuple[Metric, ...] = (Mmvp(),)
    judging: JudgeWords = VERDICT


def _asked(row: dict[str, Any], where: str) -> tuple[str, list[str], str]:
    """Row → question, options, gold letter."""
    if "question" in row:
        choices = options_of(row)
        return str(row["question"]), choices, right_letter(row, choices, where)
    stored = str(need(row, "Options", where))
    choices = [text.strip() for text in OPTION.findall(stored)]
    gold = str(need(row, "Correct Answer", where)).strip().strip("()").upper()
    if len(choices) != 2 or gold not in ("A", "B"):
        raise DataError(where, f"options {stored!r} and the answer {gold!r}", "two options, (a) and (b), and one of them")
    return str(need(row, "Question", where)), choices, gold

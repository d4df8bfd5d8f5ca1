"""MathVista: mathematics in pictures, from 31 data sets (arXiv 2310.02255). Testmini, 1,000 questions.

mathvista/testmini.json             {"1": {"question", "image", "choices", "unit", "precision", "answer", "question_type",
                                    "answer_type", "metadata": {"task", "context", …}, "query" in some releases}, …}
mathvista/images/1.jpg              or images.zip
mathvista/…/testmini-….parquet      the same columns, `query` and decoded_image; the hub's
mathvista/MathVista_MINI.tsv        index, question (the query), answer, choices, question_type, …, image; VLMEvalKit's
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.layouts import find_pictures, find_tables, several
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import FIX
from omma.evaluate.tables import KEY, need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.math.mathvista import MULTIPLE, JudgeFreeMathVista, MathVista, VlmEvalKitMathVista
from omma.metrics.metric import Metric

TABLES = ("testmini.json", "MathVista_MINI.tsv")
QUERY = Prompt(hint="Hint: {hint}\n", question="Question: {question}", choices="\nChoices:\n", choice="({letter}) {choice}")
# lupantech/MathVista, evaluation/build_query.py: what an answer must be, by (answer_type, precision)
LETTERED = "Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end."
NEEDED = "Please answer the question requiring {} and provide the final {}, e.g., {}, at the end."
HINTS = {
    ("integer", 0): NEEDED.format("an integer answer", "value", "1, 2, 3"),
    ("float", 1): NEEDED.format("a floating-point number with one decimal place", "value", "1.2, 1.3, 1.4"),
    ("float", 2): NEEDED.format("a floating-point number with two decimal places", "value", "1.23, 1.34, 1.45"),
    ("list", 0): NEEDED.format("a Python list as an answer", "list", "[1, 2, 3], [1.2, 1.3, 1.4]"),
}
FACTS = ("question_type", "answer_type")
EXTRACT = JudgeWords(
    text="""\
What is the final answer in this reply to a question? You are shown what was asked and the reply.

Asked: {question}
Reply: {reply}

Write that answer in the form that the hint asks for (a letter, a number, a list) and nothing else.""",
)


@config
class MathVistaQuestions(Published):
    """The query as stored, or built as the official script builds it where a release has none; 512 tokens, as there.

    Officially a language model extracts the answer from the reply and a rule marks it. The first metric here does both by
    rule, the official one beside it marks what a judge extracted (its words are our own), or the reply itself without one.
    """

    about: ClassVar[str] = "mathematics in pictures"
    abilities: ClassVar[tuple[str, ...]] = ("mathematics", "diagrams")
    size: ClassVar[int] = 1000
    layout: ClassVar[str] = "a folder with testmini.json and images, testmini-….parquet, or MathVista_MINI.tsv"

    path: str = "mathvista"
    prompt: Prompt = QUERY
    sampling: Sampling = Sampling(max_tokens=512)
    metrics: tuple[Metric, ...] = (JudgeFreeMathVista(), MathVista(), VlmEvalKitMathVista())
    subsets: tuple[str, ...] = ("task", "context")
    judging: JudgeWords = EXTRACT

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for table, name in find_tables(file, uri, TABLES, ("testmini",)):
            column = "decoded_image" if table.suffix == ".parquet" else "image"
            folder = find_pictures(table, name, ("images",)) if table.suffix == ".json" else ""
            for number, row in enumerate(read_rows(table, name, (column,))):
                where = f"{name}:{number}"
                shown = need(row, column, where)
                pictures = (folder + str(shown).removeprefix("images/"),) if folder else tuple(shown)
                yield self._question(row, pictures, where)

    def _question(self, row: dict[str, Any], pictures: tuple[str, ...], where: str) -> Question:
        key = next((str(row[name]) for name in ("pid", KEY, "index") if name in row), "")
        if not key or "answer" not in row:
            raise DataError(where, "no answer" if key else "no pid", "a question of testmini", FIX)
        choices = several(row["choices"]) if row.get("choices") not in (None, "[]", "None", []) else []
        facts = {name: str(need(row, name, where)) for name in FACTS}
        if facts["question_type"] == MULTIPLE and not choices:
            raise DataError(where, "no choices", "what may be chosen")
        precision = _precision(row, facts["answer_type"], where)
        stored = row["metadata"] if isinstance(row.get("metadata"), dict) else row
        told = {name: str(stored[name]) for name in self.subsets if name in stored}
        words = self._query(row, choices, facts["answer_type"], precision, where)
        sample = asking(key, words, pictures, task=told.get("task", ""))
        return Question(sample, str(row["answer"]), facts | told | {"choices": choices, "precision": precision})

    def _query(self, row: dict[str, Any], choices: list[str], answer: str, precision: int, where: str) -> str:
        question = str(need(row, "question", where))
        if "query" in row or question.startswith("Hint: "):
            return str(row.get("query", question))
        if "unit" in row:
            question += f" (Unit: {row['unit']})"
        hint = LETTERED if choices else HINTS.get((answer, precision if answer == "float" else 0))
        if hint is None:
            raise DataError(
                where, f"answer_type {answer!r} with precision {precision}", "an integer, a float with 1 or 2, or a list"
            )
        return self.prompt.words(question, choices, hint).strip()


def _precision(row: dict[str, Any], answer: str, where: str) -> int:
    """The decimal places that an answer is rounded to: as stored, else those of the right answer; 0 where it is no float."""
    if answer != "float":
        return 0
    stored = str(row.get("precision", len(str(row["answer"]).partition(".")[2])))
    try:
        return int(float(stored))
    except (ValueError, OverflowError):
        raise DataError(where, f"precision {stored!r}", "a number of decimal places") from None

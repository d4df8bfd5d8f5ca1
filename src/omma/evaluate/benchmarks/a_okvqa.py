"""A-OKVQA: questions about COCO pictures that need knowledge of the world, answered freely or by choice (arXiv 2206.01718). Val.

    a_okvqa/aokvqa_v1p0_val.json       [{"question_id", "image_id", "question", "choices", "correct_choice_idx",
                                       "direct_answers", "difficult_direct_answer"}, …]
    val2017/000000000042.jpg           or val2017.zip, there or in a folder above

or a folder with Parquet files validation-….parquet of the hub (the same columns and image), or, for choices alone,
VLMEvalKit's a-okvqa.tsv (index, question, A to D, answer, image). Test has no answers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables, several, whole_number
from omma.evaluate.prompt import LETTER, SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.aokvqa import AOkVqa, NormalAOkVqa
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

HARD = ("true", "True")
FIX = "take val: the answers of test are kept by the benchmark's server"


@config
class AOkVqaQuestions(Published):
    """Direct answers. Questions marked `difficult_direct_answer` are not asked, as the official script leaves them out.

    There is no official prompt; suffix and 16 tokens are LLaVA's for short answers.
    """

    about: ClassVar[str] = "questions about photos that need knowledge of the world"
    abilities: ClassVar[tuple[str, ...]] = ("knowledge", "reasoning")
    size: ClassVar[int] = 1075
    layout: ClassVar[str] = "a folder with aokvqa_v1p0_val.json, or the hub's Parquet files"

    name: str = "a_okvqa"
    path: str = "a_okvqa"
    pictures: tuple[str, ...] = ("val2017", "coco/val2017")
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (AOkVqa(), NormalAOkVqa())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("aokvqa_v1p0_val.json", "a-okvqa.tsv"), ("validation", "val")):
            folder = find_pictures(table, name, self.pictures) if table.suffix == ".json" else ""
            for number, row in enumerate(read_rows(table, name)):
                where = f"{name}:{number}"
                pictures = [_coco(folder, row, where)] if folder else need(row, "image", where)
                question = self.question(row, pictures, where)
                if question is not None:
                    yield question

    def question(self, row: dict[str, Any], pictures: Sequence[str], where: str) -> Question | None:
        """Row → the question as it is put, or None for one that this task leaves out."""
        hard = str(row.get("difficult_direct_answer", False)) in HARD
        if hard:
            return None
        golds = several(row.get("direct_answers", []))
        if not golds:
            raise DataError(where, "no direct_answers", "what ten people answered", FIX)
        words = self.prompt.words(str(need(row, "question", where)))
        return Question(asking(str(need(row, "question_id", where)), words, pictures), golds)


@config
class AOkVqaChoices(AOkVqaQuestions):
    """One of four choices, by letter. The official script compares the text of the choice and leaves reading to who submits.

    A letter is its choice's text, so that the reading here is VLMEvalKit's and the comparison official.
    """

    size: ClassVar[int] = 1145

    name: str = "a_okvqa_choices"
    prompt: Prompt = Prompt(after=LETTER)
    metrics: tuple[Metric, ...] = (VlmEvalKitChoice(),)

    def question(self, row: dict[str, Any], pictures: Sequence[str], where: str) -> Question | None:
        """Row → the question with its choices."""
        choices = several(row["choices"]) if "choices" in row else [str(row[letter]) for letter in "ABCD" if letter in row]
        if not choices:
            raise DataError(where, f"no choices among {', '.join(row)}", "choices, or columns A to D")
        right = str(row["answer"]) if "answer" in row else _letter(row, choices, where)
        key = str(row.get("question_id", row.get("index", where)))
        words = self.prompt.words(str(need(row, "question", where)), choices)
        return Question(asking(key, words, pictures), right, {"choices": choices}, tuple(choices))

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same letter always."""
        return "A", "B", "C", "D"


def _coco(folder: str, row: dict[str, Any], where: str) -> str:
    return f"{folder}{whole_number(row, 'image_id', where):012}.jpg"


def _letter(row: dict[str, Any], choices: Sequence[str], where: str) -> str:
    if "correct_choice_idx" not in row:
        raise DataError(where, "no correct_choice_idx", "the place of the right choice", FIX)
    place = whole_number(row, "correct_choice_idx", where)
    if not 0 <= place < len(choices):
        raise DataError(where, f"right choice {place}", f"0 to {len(choices) - 1}")
    return ascii_uppercase[place]

"""VisOnlyQA: geometry, chemistry, charts and solids; what stands in the figure, not what follows (arXiv 2412.00947).

visonlyqa/real/charts__extraction.jsonl      {"id", "image_path", "prompt_no_reasoning", "prompt_reasoning", "answer",
                                             "question_type", "response_options", "task_category", "image_category"}
visonlyqa/images/ChartQA/two_col_62027.png   the pictures: the folder dataset/test of the repository
visonlyqa/…/charts__extraction-….parquet     the same columns and decoded_image; the hub's
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.mmbench import HARNESS
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.layouts import find_pictures, several
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.choice.visonlyqa import VisOnlyQa
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric

TABLES = (".jsonl", ".parquet")
TASKS = (
    "geometry__triangle",
    "geometry__quadrilateral",
    "geometry__length",
    "geometry__angle",
    "geometry__area",
    "geometry__diameter_radius",
    "chemistry__shape_single",
    "chemistry__shape_multi",
    "charts__extraction",
    "charts__intersection",
    "syntheticgeometry__triangle",
    "syntheticgeometry__quadrilateral",
    "syntheticgeometry__length",
    "syntheticgeometry__angle",
    "syntheticgeometry__area",
    "3d__size",
    "3d__angle",
)  # psunlpgroup/VisOnlyQA, src/config.py; the repository holds a file of an eighteenth, which is in no score
FOLDER = "images"
EXTRACT = JudgeWords(
    text="""\
What does this answer to a question settle on? You are shown what was asked, with its options, and the answer.

Asked: {question}
Answer: {reply}

Write the option it settles on, exactly as the question spells it, and nothing else; several options with commas between.""",
    max_tokens=16,
)


@config
class VisOnlyQaQuestions(Published):
    """Prompts as stored, in `column`, 1,048 tokens as in the official script. A judge plays the part of its language
    model, which reads what the rule cannot (its words are our own).
    """

    about: ClassVar[str] = "what stands in figures: geometry, chemistry, charts, solids"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "diagrams")
    layout: ClassVar[str] = "a folder visonlyqa with real, synthetic and images, or the hub's Parquet files in these"

    column: str = "prompt_no_reasoning"
    sampling: Sampling = Sampling(max_tokens=1048)
    metrics: tuple[Metric, ...] = (VisOnlyQa(),)
    subsets: tuple[str, ...] = ("task_category", "image_category")
    judging: JudgeWords = EXTRACT

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder of tables, or one of them → the questions of the paper's tasks, tables in order of their names."""
        tables = [file] if file.is_file() else sorted(path for path in file.rglob("*") if path.suffix in TABLES and _is_task(path))
        for table in tables:
            name = uri if table == file else f"{uri}/{table.relative_to(file).as_posix()}"
            for number, row in enumerate(read_rows(table, name, ("decoded_image",))):
                yield self._question(row, table, name, f"{name}:{number}")

    def _question(self, row: dict[str, Any], table: Path, name: str, where: str) -> Question:
        shown = row.get("decoded_image", ())
        if not shown:
            path = str(need(row, "image_path", where)).removeprefix(f"{FOLDER}/")
            shown = (f"{find_pictures(table, name, (FOLDER,))}{path}",)
        options = several(need(row, "response_options", where))
        if not options:
            raise DataError(where, "no response_options", "what may be answered")
        facts = {"response_options": options, "question_type": str(need(row, "question_type", where))}
        facts |= {name: str(row[name]) for name in self.subsets if name in row}
        gold = str(need(row, "answer", where))
        sample = asking(
            str(need(row, "id", where)), str(need(row, self.column, where)), shown, task=str(row.get("task_category", ""))
        )
        return Question(sample, gold, facts | {"choices": options})


@config
class KitVisOnlyQaQuestions(Published):
    """VLMEvalKit's version of the real figures, in its words; 1,048 tokens as for the original."""

    about: ClassVar[str] = "what stands in figures, as VLMEvalKit asks it"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "diagrams")
    layout: ClassVar[str] = "VisOnlyQA-VLMEvalKit.tsv, or a folder with it"

    path: str = "VisOnlyQA-VLMEvalKit.tsv"
    prompt: Prompt = HARNESS
    sampling: Sampling = Sampling(max_tokens=1048)
    metrics: tuple[Metric, ...] = (VlmEvalKitChoice(),)
    subsets: tuple[str, ...] = ("category",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Table → its questions in order."""
        for number, where, row in numbered(file, uri, ("VisOnlyQA-VLMEvalKit.tsv",)):
            choices, task = options_of(row), str(row.get("category", ""))
            words = self.prompt.words(str(need(row, "question", where)), choices)
            sample = asking(str(row.get("index", number)), words, need(row, "image", where), task=task)
            yield Question(sample, right_letter(row, choices, where), {"choices": choices, "category": task})


def _is_task(table: Path) -> bool:
    return table.stem.partition("-")[0] in TASKS

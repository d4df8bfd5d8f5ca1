"""OCRBench: 1,000 questions on text in pictures, from words to handwritten formulas (arXiv 2305.07895).

    ocrbench/OCRBench.json                    [{"dataset_name", "id", "image_path", "question", "answers", "type"}, …]
    ocrbench/OCRBench_Images/IIIT5K/…         or OCRBench_Images.zip, there or in a folder above

or a folder with Parquet files test-….parquet of the hub (dataset, question, question_type, answer, image), or VLMEvalKit's
OCRBench.tsv (index, question, answer, category, image).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables, several, texts
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.ocrbench import FORMULAS, OTHERS, LmmsEvalOcrBench, OcrBench

NAMES = ("OCRBench.json", "OCRBench/OCRBench.json", "OCRBench.tsv")


@config
class OcrBenchQuestions(Published):
    """Questions as they stand, stripped, with lmms-eval's 128 tokens; the official script leaves both to who runs it.

    Ids are places in the file, or those of a TSV, since its own ids count within a data set. Formulas of a TSV, which names
    no data set, are HME100k's, as all of them are.
    """

    about: ClassVar[str] = "text in pictures, from words to formulas"
    abilities: ClassVar[tuple[str, ...]] = ("text", "documents")
    size: ClassVar[int] = 1000
    layout: ClassVar[str] = "a folder with OCRBench.json, or the hub's Parquet files, or OCRBench.tsv"

    name: str = "ocrbench"
    path: str = "ocrbench"
    pictures: tuple[str, ...] = ("OCRBench_Images",)
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=128)
    metrics: tuple[Metric, ...] = (OcrBench(), LmmsEvalOcrBench())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions, numbered through."""
        tables = find_tables(file, uri, NAMES, ("test",))
        rows = [(f"{name}:{i}", table, row) for table, name in tables for i, row in enumerate(read_rows(table, name))]
        folder = find_pictures(*tables[0], self.pictures) if tables[0][0].suffix == ".json" else ""
        for number, (where, table, row) in enumerate(rows):
            gold = next((row[name] for name in ("answers", "answer") if name in row), None)
            kind = next((str(row[name]) for name in ("type", "question_type", "category") if name in row), "")
            if gold is None or not kind:
                raise DataError(where, f"only {', '.join(row)}", "answers and the type of the question")
            right = several(gold) if table.suffix == ".tsv" else texts(gold)
            pictures = [f"{folder}{need(row, 'image_path', where)}"] if folder else need(row, "image", where)
            words = self.prompt.words(str(need(row, "question", where)).strip())
            facts = {"dataset_name": _source(row, kind), "type": kind}
            yield Question(asking(str(row.get("index", number)), words, pictures, task=kind), right, facts)


def _source(row: dict[str, Any], kind: str) -> str:
    """Row → the data set that the question was taken from; nothing where a TSV does not say and it does not matter."""
    named = row.get("dataset_name", row.get("dataset"))
    return str(named) if named else FORMULAS if kind == OTHERS[-1] else ""

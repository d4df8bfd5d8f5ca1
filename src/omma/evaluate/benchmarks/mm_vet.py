"""MM-Vet: 218 open questions, each of which asks for several capabilities together (arXiv 2308.02490).

    mm-vet/mm-vet.json          {"v1_0": {"imagename", "question", "answer", "capability": ["rec", "ocr", …]}, …}
    mm-vet/images/v1_0.png      or images.zip, there or in a folder above

or a folder with Parquet files test-….parquet of the hub (question_id, question, answer, capability, image), or VLMEvalKit's
MMVet.tsv (index, question, answer, category, image).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import KEY, need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.judged.mmvet import JudgeFreeMmVet, MmVet
from omma.metrics.metric import Metric
from omma.schema.verdict import Record


@config
class MmVetQuestions(Published):
    """The question alone, and 1,024 tokens, as LLaVA runs it; the official scripts leave both to who runs them.

    There is no official score without a judge. Scores that a judge gave count where they are recorded; a reply without one
    is unread and 0. The second number needs no judge and is comparable only with itself.
    """

    about: ClassVar[str] = "open questions that need several capabilities together"
    abilities: ClassVar[tuple[str, ...]] = ("general", "knowledge", "text")
    size: ClassVar[int] = 218
    layout: ClassVar[str] = "a folder with mm-vet.json, or the hub's Parquet files, or MMVet.tsv"

    name: str = "mm_vet"
    path: str = "mm-vet"
    pictures: tuple[str, ...] = ("images",)
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=1024)
    metrics: tuple[Metric, ...] = (MmVet(), JudgeFreeMmVet())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("mm-vet.json", "MMVet.tsv"), ("test",)):
            folder = find_pictures(table, name, self.pictures) if table.suffix == ".json" else ""
            for number, row in enumerate(read_rows(table, name)):
                where = f"{name}:{number}"
                pictures = [f"{folder}{need(row, 'imagename', where)}"] if folder else row.get("image", ())
                key = next((str(row[column]) for column in (KEY, "question_id", "index") if column in row), str(number))
                words = self.prompt.words(str(need(row, "question", where)))
                sample = asking(key, words, pictures)
                yield Question(sample, str(need(row, "answer", where)), {"capability": _capabilities(row, where)})

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """None: what a judge would say of one is not known."""
        return ()


def _capabilities(row: dict[str, Any], where: str) -> list[str]:
    """Row → the capabilities that it asks for, however they are written."""
    found = row.get("capability", row.get("category"))
    if not isinstance(found, str | list):
        raise DataError(where, f"no list under capability or category among {', '.join(row)}", "what the question asks for")
    return [str(item).strip() for item in (found.split(",") if isinstance(found, str) else found)]

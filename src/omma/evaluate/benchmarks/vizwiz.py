"""VizWiz-VQA: questions that blind people asked about their own pictures, some unanswerable (arXiv 1802.08218). Val.

    vizwiz/val.json                      [{"image", "question", "answers": [{"answer"}, …], "answer_type", "answerable"}, …]
    vizwiz/val/VizWiz_val_00000000.jpg   or val.zip, there or in a folder above

(Annotations.zip unpacks to a folder Annotations, which may stay), or a folder with Parquet files val-….parquet of the hub
(question_id, question, image, answers, category), or VLMEvalKit's VizWiz.tsv (index, question, answers, image).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.benchmarks.ok_vqa import UNANSWERABLE
from omma.evaluate.benchmarks.vqav2 import people
from omma.evaluate.layouts import find_pictures, find_tables, whole_number
from omma.evaluate.prompt import SHORT, Capitalised, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.evalai import LmmsEvalVizWiz
from omma.metrics.metric import Metric
from omma.metrics.vizwiz import VizWiz
from omma.metrics.vqa import VlmEvalKitVqa


@config
class VizWizQuestions(Published):
    """The official script names no prompt; this one is lmms-eval's. A longer reply than 64 tokens equals nobody's answer.

    Ids are picture names, as submissions have them; those of Parquet and TSV files are their own.
    """

    about: ClassVar[str] = "questions of blind people about their own photos"
    abilities: ClassVar[tuple[str, ...]] = ("general",)
    size: ClassVar[int] = 4319
    layout: ClassVar[str] = "a folder with val.json, or the hub's Parquet files, or VizWiz.tsv"

    name: str = "vizwiz"
    path: str = "vizwiz"
    pictures: tuple[str, ...] = ("val",)
    prompt: Prompt = Capitalised(after=UNANSWERABLE + SHORT)
    sampling: Sampling = Sampling(max_tokens=64, stop=("ASSISTANT:",))
    metrics: tuple[Metric, ...] = (VizWiz(), LmmsEvalVizWiz(), VlmEvalKitVqa())
    subsets: tuple[str, ...] = ("category",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("val.json", "Annotations/val.json", "VizWiz.tsv"), ("val",)):
            folder = find_pictures(table, name, self.pictures) if table.suffix == ".json" else ""
            for number, row in enumerate(read_rows(table, name)):
                where = f"{name}:{number}"
                image = need(row, "image", where)
                key = str(row.get("question_id", row.get("index", image if folder else number)))
                facts = {"category": str(row.get("category", row.get("answer_type", "")))}
                known = {"answerable": whole_number(row, "answerable", where)} if "answerable" in row else {}
                words = self.prompt.words(str(need(row, "question", where)))
                yield Question(asking(key, words, [f"{folder}{image}"] if folder else image), people(row, where), facts | known)

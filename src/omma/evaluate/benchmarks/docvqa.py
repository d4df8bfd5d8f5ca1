"""DocVQA and InfographicVQA: questions about scanned pages (arXiv 2007.00398) and infographics (arXiv 2104.12756). Val.

    docvqa/val_v1.0_withQT.json                       {"data": [{"questionId", "question", "image", "answers"}, …]}
    docvqa/documents/ffbf0023_4.png                   or spdocvqa_images, or either as .zip, there or in a folder above
    infovqa/infographicsVQA_val_v1.0_withQT.json      {"data": [{"questionId", "question", "image_local_name", "answers"}, …]}
    infovqa/infographicsvqa_images/30294.jpeg         or images, or either as .zip

or the hub's folder (DocVQA, InfographicVQA) with Parquet files validation-….parquet, or VLMEvalKit's DocVQA_VAL.tsv and
InfoVQA_VAL.tsv (index, question, answer, image). The answers of test are kept by the RRC server.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables, read_listed, several
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.anls import Anls, LmmsEvalAnls
from omma.metrics.metric import Metric


@config
class DocVqaQuestions(Published):
    """The RRC server names no prompt; suffix and 32 tokens are lmms-eval's. (Qwen-VL: "{question} Answer:", 100 tokens.)

    VLMEvalKit's rule is the server's.
    """

    about: ClassVar[str] = "questions about scanned pages"
    abilities: ClassVar[tuple[str, ...]] = ("documents", "text")
    size: ClassVar[int] = 5349
    layout: ClassVar[str] = "a folder with val_v1.0_withQT.json, or the hub's Parquet files, or DocVQA_VAL.tsv"
    files: ClassVar[tuple[str, ...]] = ("val_v1.0_withQT.json", "val_v1.0.json", "val/val_v1.0.json", "DocVQA_VAL.tsv")
    hub: ClassVar[str] = "DocVQA"  # its folder on the hub, beside that of the other benchmark
    picture_column: ClassVar[str] = "image"

    name: str = "docvqa"
    path: str = "docvqa"
    pictures: tuple[str, ...] = ("documents", "spdocvqa_images")
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=32)
    metrics: tuple[Metric, ...] = (Anls(), LmmsEvalAnls())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        inner = (file / self.hub).is_dir()
        place, there = (file / self.hub, f"{uri}/{self.hub}") if inner else (file, uri)
        for table, name in find_tables(place, there, self.files, ("validation", "val")):
            released = table.suffix == ".json"
            folder = find_pictures(table, name, self.pictures) if released else ""
            for number, row in enumerate(read_listed(table, name, "data")[0] if released else read_rows(table, name)):
                where = f"{name}:{number}"
                pictures = [folder + self.picture(row, where)] if released else need(row, "image", where)
                key = str(row.get("questionId", row.get("index", number)))
                words = self.prompt.words(str(need(row, "question", where)))
                yield Question(asking(key, words, pictures), accepted_answers(row, where))

    def picture(self, row: dict[str, Any], where: str) -> str:
        """Row of the released file → the name of its picture in the folder of pictures."""
        return str(need(row, self.picture_column, where)).rpartition("/")[2]


@config
class InfoVqaQuestions(DocVqaQuestions):
    """As DocVQA, about infographics."""

    about: ClassVar[str] = "questions about infographics"
    abilities: ClassVar[tuple[str, ...]] = ("documents", "charts")
    size: ClassVar[int] = 2801
    layout: ClassVar[str] = "a folder with infographicsVQA_val_v1.0_withQT.json, or the hub's Parquet files, or InfoVQA_VAL.tsv"
    files: ClassVar[tuple[str, ...]] = (
        "infographicsVQA_val_v1.0_withQT.json",
        "infographicVQA_val_v1.0.json",
        "InfoVQA_VAL.tsv",
    )
    hub: ClassVar[str] = "InfographicVQA"
    picture_column: ClassVar[str] = "image_local_name"

    name: str = "infovqa"
    path: str = "infovqa"
    pictures: tuple[str, ...] = ("infographicsvqa_images", "images")


def accepted_answers(row: dict[str, Any], where: str) -> list[str]:
    """Row with `answers` or `answer` → all answers that are right. DataError for a row of a test split."""
    texts = several(row.get("answers", row.get("answer", [])))
    if not texts:
        fix = "take val: the answers of test are kept by the RRC server"
        raise DataError(where, "no answers", "the answers that are right", fix)
    return texts

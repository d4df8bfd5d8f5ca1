"""TextVQA: questions about what is written in photos, each answered by ten people (arXiv 1904.08920). Val.

    textvqa/TextVQA_0.5.1_val.json              {"data": [{"question_id", "image_id", "question", "answers"}, …]}
    textvqa/TextVQA_Rosetta_OCR_v0.2_val.json   {"data": [{"image_id", "ocr_tokens"}, …]}: only where words are shown
    textvqa/train_images/003a8ae2ef43b901.jpg   or train_val_images.zip, there or in a folder above

or a folder with Parquet files validation-….parquet of the hub (those columns and image), or VLMEvalKit's TextVQA_VAL.tsv
(index, question, answer, image; without words).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.vqav2 import people
from omma.evaluate.layouts import find_beside, find_pictures, find_tables, read_listed, several
from omma.evaluate.prompt import SHORT, Capitalised, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.evalai import TextVqa
from omma.metrics.metric import Metric
from omma.metrics.vqa import VlmEvalKitVqa

READ = "TextVQA_Rosetta_OCR_v0.2_val.json"
Row = dict[str, Any]


@config
class TextVqaQuestions(Published):
    """The words are lmms-eval's: the question capitalised, the short suffix, nothing of what was read in the picture.

    The official scorer names no prompt. lmms-eval sets no limit; a longer reply than 64 tokens equals nobody's answer.
    """

    about: ClassVar[str] = "questions about what is written in photos"
    abilities: ClassVar[tuple[str, ...]] = ("text",)
    size: ClassVar[int] = 5000
    layout: ClassVar[str] = "a folder with TextVQA_0.5.1_val.json, or the hub's Parquet files, or TextVQA_VAL.tsv"

    name: str = "textvqa"
    path: str = "textvqa"
    pictures: tuple[str, ...] = ("train_images", "train_val_images.zip#train_images")
    prompt: Prompt = Capitalised(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=64, stop=("ASSISTANT:",))
    metrics: tuple[Metric, ...] = (TextVqa(), VlmEvalKitVqa())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("TextVQA_0.5.1_val.json", "TextVQA_VAL.tsv"), ("validation", "val")):
            released = table.suffix == ".json"
            rows = read_listed(table, name, "data")[0] if released else read_rows(table, name)
            folder = find_pictures(table, name, self.pictures) if released else ""
            read = self.read_words(table, name, rows)
            for number, row in enumerate(rows):
                where = f"{name}:{number}"
                pictures = [f"{folder}{need(row, 'image_id', where)}.jpg"] if released else need(row, "image", where)
                key = str(row.get("question_id", row.get("index", number)))
                words = self.prompt.words(str(need(row, "question", where)))
                yield Question(asking(key, self.filled(words, row, read, where), pictures), people(row, where))

    def read_words(self, table: Path, name: str, rows: list[Row]) -> dict[str, list[str]]:
        """Table → by picture, what an OCR engine read in it; nothing, since nothing is shown."""
        return {}

    def filled(self, words: str, row: Row, read: dict[str, list[str]], where: str) -> str:
        """The prompt → itself: nothing is to be filled in."""
        return words


@config
class ReadTextVqaQuestions(TextVqaQuestions):
    """LLaVA's prompt: what the Rosetta OCR engine read in the picture stands behind the question (docs/Evaluation.md).

    Scores are not comparable with those of models that see the picture alone. Its scripts write up to 128 tokens.
    """

    layout: ClassVar[str] = f"a folder with TextVQA_0.5.1_val.json and {READ}, or the hub's Parquet files"

    name: str = "textvqa_llava"
    prompt: Prompt = Capitalised(question="{question}\nReference OCR token: {read}", after=SHORT)
    sampling: Sampling = Sampling(max_tokens=128)

    def read_words(self, table: Path, name: str, rows: list[Row]) -> dict[str, list[str]]:
        """Table → by picture, the words in the columns of the table or in the file of words beside it."""
        found = find_beside(table, name, READ)
        listed = rows if "ocr_tokens" in rows[0] or found is None else read_listed(*found, "data")[0]
        return {str(row["image_id"]): several(row["ocr_tokens"]) for row in listed if {"image_id", "ocr_tokens"} <= row.keys()}

    def filled(self, words: str, row: Row, read: dict[str, list[str]], where: str) -> str:
        """The prompt → the same with what was read in the picture for {read}, separated by commas."""
        image = str(row.get("image_id", ""))
        if image not in read:
            fix = f"fetch {READ}, or take the suite textvqa, which shows no words"
            raise DataError(where, f"no words read in picture {image!r}", "what an OCR engine read in each picture", fix)
        return words.replace("{read}", ", ".join(read[image]))

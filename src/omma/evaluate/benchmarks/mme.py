"""MME: fourteen subtasks, two questions a picture, to be answered yes and no (arXiv 2306.13394).

    mme/OCR/0001.jpg                                         a picture, and beside it
    mme/OCR/0001.txt                                         its two questions, a line each: question, tab, Yes or No
    mme/artwork/images/10002.jpg                             subtasks of many pictures keep the two apart
    mme/artwork/questions_answers_YN/10002.txt

The released folder MME_Benchmark_release_version (and MME_Benchmark in it) may stay around the subtasks. Or a folder with
Parquet files test-….parquet of the hub (question_id, question, answer, category, image), or VLMEvalKit's MME.tsv (index,
question, answer, category, image_path, image).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.core.seeds import generator
from omma.evaluate.benchmark import Item
from omma.evaluate.layouts import find_tables
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.media.store import PICTURES
from omma.metrics.metric import Metric
from omma.metrics.mme import COGNITION, PERCEPTION, LmmsEvalMme, Mme, VlmEvalKitMme
from omma.schema.verdict import Record

SUBTASKS = PERCEPTION + COGNITION
AROUND = (".", "MME_Benchmark_release_version/MME_Benchmark", "MME_Benchmark_release_version", "MME_Benchmark")
ASKED, SHOWN = "questions_answers_YN", "images"
PLEASE = "Please answer yes or no."


@config
class MmeQuestions(Published):
    """Questions as they are stored, all of which end in "Please answer yes or no."; 16 tokens are lmms-eval's.

    `limit` draws whole pictures, since a picture counts by both its questions. Ids are subtask/picture:0 and :1, or those of a TSV.
    """

    about: ClassVar[str] = "fourteen subtasks of perception and cognition, yes or no"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "reasoning")
    size: ClassVar[int] = 2374
    layout: ClassVar[str] = "a folder with the subtasks OCR, artwork, …, or the hub's Parquet files, or MME.tsv"

    name: str = "mme"
    path: str = "mme"
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (Mme(), LmmsEvalMme(), VlmEvalKitMme())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions, the subtasks in the order of the tables of the benchmark."""
        for around in AROUND:
            place = file / around
            if any((place / name).is_dir() for name in SUBTASKS):
                inner = uri if around == "." else f"{uri}/{around}"
                yield from (question for name in SUBTASKS for question in self._subtask(place / name, f"{inner}/{name}", name))
                return
        tables = find_tables(file, uri, ("MME.tsv",), ("test",))
        yield from self._rows([(f"{name}:{i}", row) for table, name in tables for i, row in enumerate(read_rows(table, name))])

    def limited(self, questions: Sequence[Item]) -> list[Item]:
        """Questions → both questions of as many pictures as `limit` is enough for, in their order."""
        pairs = [questions[i : i + 2] for i in range(0, len(questions), 2)]
        count = max(1, self.limit // 2)
        if not 0 < self.limit < len(questions):
            return list(questions)
        chosen = generator(self.seed, "benchmark", self.name).choice(len(pairs), count, replace=False)
        return [question for i in sorted(chosen) for question in pairs[i]]

    def said(self, words: str) -> str:
        """Question as it is stored → as it is put."""
        return words.strip()

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Always yes, or always no: 50 of the 200 points of each subtask."""
        return "yes", "no"

    def _subtask(self, place: Path, uri: str, name: str) -> Iterator[Question]:
        """Folder of one subtask → its questions, pictures in the order of their names; none for a subtask that is not there."""
        split = (place / ASKED).is_dir()
        shown, prefix = (place / SHOWN, f"{uri}/{SHOWN}/") if split else (place, f"{uri}/")
        pictures = {path.stem: path.name for path in sorted(shown.glob("*")) if path.suffix.lower() in PICTURES}
        for file in sorted((place / ASKED if split else place).glob("*.txt")):
            where = f"{uri}/{f'{ASKED}/' if split else ''}{file.name}"
            if file.stem not in pictures:
                raise DataError(where, "no picture of that name", f"{file.stem}.jpg or .png in {prefix}")
            lines = [line for line in read_text(file).splitlines() if line.strip()]
            if len(lines) != 2:
                raise DataError(where, f"{len(lines)} questions", "two, a line each")
            for number, line in enumerate(lines):
                words, tab, right = line.partition("\t")
                if not tab:
                    raise DataError(f"{where}:{number + 1}", "no tab", "question, tab, Yes or No")
                yield self._question(name, pictures[file.stem], number, words, right, [prefix + pictures[file.stem]])

    def _rows(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[Question]:
        """Rows of all tables → questions, those of a picture one behind the other; ids are those of the rows that have any."""
        shown: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
        for where, row in rows:
            shown.setdefault(_picture(row, where), []).append((where, row))
        for (category, image), pair in shown.items():
            for number, (where, row) in enumerate(pair):
                words, right = str(need(row, "question", where)), str(need(row, "answer", where))
                asked = self._question(category, image, number, words, right, need(row, "image", where))
                yield replace(asked, sample=replace(asked.sample, id=str(row.get("index", asked.sample.id))))

    def _question(self, category: str, image: str, number: int, words: str, right: str, pictures: Sequence[str]) -> Question:
        name = f"{category}/{image}:{number}"
        if right.strip().lower() not in ("yes", "no"):
            raise DataError(name, f"the right answer {right.strip()!r}", "Yes or No")
        sample = asking(name, self.prompt.words(self.said(words)), pictures, task=category)
        return Question(sample, right.strip(), {"category": category, "image": image})


@config
class ShortMmeQuestions(MmeQuestions):
    """LLaVA's words: the short suffix in place of "Please answer yes or no.", so that a model may say anything."""

    name: str = "mme_llava"
    prompt: Prompt = Prompt(after=SHORT)

    def said(self, words: str) -> str:
        """Question as it is stored → without its last sentence."""
        return words.strip().removesuffix(PLEASE).strip()


def _picture(row: dict[str, Any], where: str) -> tuple[str, str]:
    """Row of a table → subtask, and the name of its picture, which both its questions share."""
    name = next((str(row[column]) for column in ("image_path", "question_id") if column in row), None)
    if name is None:
        raise DataError(where, f"no image_path or question_id among {', '.join(row)}", "what tells the picture")
    return str(need(row, "category", where)), name.rpartition("/")[2]

"""VQAv2: open questions about COCO pictures, each answered by ten people (arXiv 1612.00837). Val; test is scored by a server.

    vqav2/v2_OpenEnded_mscoco_val2014_questions.json    {"questions": [{"question_id", "image_id", "question"}, …]}
    vqav2/v2_mscoco_val2014_annotations.json            {"annotations": [{"question_id", "answer_type", "answers": [{"answer"}]}]}
    val2014/COCO_val2014_000000000042.jpg               or val2014.zip, there or in a folder above

or a folder with Parquet files validation-….parquet of the hub (columns question_id, question, image, answers, answer_type).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_beside, find_pictures, find_tables, read_listed, several, whole_number
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.vqa import LmmsEvalVqa, VlmEvalKitVqa, Vqa
from omma.schema.verdict import Record


@config
class VqaV2Questions(Published):
    """The official script names no prompt; suffix and 16 tokens are lmms-eval's and LLaVA's. Scores are per kind of answer, too."""

    about: ClassVar[str] = "open questions about photos, ten people's answers"
    abilities: ClassVar[tuple[str, ...]] = ("general",)
    size: ClassVar[int] = 214354
    layout: ClassVar[str] = "a folder with the questions and annotations of VQA v2 val, or the hub's Parquet files"
    question_file: ClassVar[str] = "v2_OpenEnded_mscoco_val2014_questions.json"
    annotation_file: ClassVar[str] = "v2_mscoco_val2014_annotations.json"
    splits: ClassVar[tuple[str, ...]] = ("validation", "val")

    name: str = "vqav2"
    path: str = "vqav2"
    pictures: tuple[str, ...] = ("val2014", "coco/val2014")
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (Vqa(), LmmsEvalVqa(), VlmEvalKitVqa())
    subsets: tuple[str, ...] = ("answer_type",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in the order of the question file."""
        for table, name in find_tables(file, uri, (self.question_file,), self.splits):
            yield from self._published(table, name) if table.suffix == ".json" else self._republished(table, name)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The most common answer of the training set, as in the benchmark's own table of baselines."""
        return ("yes",)

    def facts_of(self, row: dict[str, Any], kinds: dict[str, Any]) -> dict[str, str]:
        """Annotation + what the file says of kinds of questions → the facts by which scores are parted."""
        return {"answer_type": str(row["answer_type"])} if "answer_type" in row else {}

    def _published(self, table: Path, name: str) -> Iterator[Question]:
        answered = find_beside(table, name, self.annotation_file)
        if answered is None:
            fix = "take val: the answers of test are kept by the benchmark's server"
            raise DataError(name, f"no {self.annotation_file} beside it", "people's answers", fix)
        annotations, rest = read_listed(*answered, "annotations")
        known = {str(need(row, "question_id", answered[1])): row for row in annotations}
        folder = find_pictures(table, name, self.pictures)
        for number, row in enumerate(read_listed(table, name, "questions")[0]):
            where = f"{name}:{number}"
            key = str(need(row, "question_id", where))
            if key not in known:
                raise DataError(where, f"no answers to question {key} in {self.annotation_file}", "files of one split")
            picture = f"{folder}COCO_val2014_{whole_number(row, 'image_id', where):012}.jpg"
            named = rest.get("question_types")
            kinds = named if isinstance(named, dict) else {}
            yield self._question(key, row, known[key], [picture], self.facts_of(known[key], kinds), where)

    def _republished(self, table: Path, name: str) -> Iterator[Question]:
        for number, row in enumerate(read_rows(table, name)):
            where = f"{name}:{number}"
            key = str(row.get("question_id", row.get("index", number)))
            yield self._question(key, row, row, need(row, "image", where), self.facts_of(row, {}), where)

    def _question(
        self, key: str, row: dict[str, Any], answered: dict[str, Any], pictures: Sequence[str], facts: dict[str, str], where: str
    ) -> Question:
        words = self.prompt.words(str(need(row, "question", where)))
        return Question(asking(key, words, pictures), people(answered, where), dict(facts))


def people(row: dict[str, Any], where: str) -> list[str]:
    """Row with `answers`, as texts or as objects with a text → what each person answered. DataError if there are none."""
    answers = row.get("answers", row.get("answer", ()))
    if not isinstance(answers, str | list | tuple):
        raise DataError(where, f"answers that are {type(answers).__name__}", "a list of what people answered")
    texts = several(answers) if isinstance(answers, str) else [_text(one, where) for one in answers]
    if not texts:
        fix = "take val: the answers of test are kept by the benchmark's server"
        raise DataError(where, "no answers", "what people answered", fix)
    return texts


def _text(answer: Any, where: str) -> str:
    return str(need(answer, "answer", where)) if isinstance(answer, dict) else str(answer)

"""SEED-Bench: 14,233 questions about pictures and 5,009 about videos in twelve dimensions (arXiv 2307.16125).

seedbench/SEED-Bench.json              {"questions": [{"question_id", "question", "choice_a" to "choice_d", "answer",
                                       "data_type", "data_id", "question_type_id"}, …]}
seedbench/SEED-Bench-image/1454426_…   the pictures, or SEED-Bench-image.zip
seedbench/…/test-….parquet             the same columns and `image`, a list: for videos eight frames; the hub's
seedbench/SEEDBench_IMG.tsv            index, question, A to D, answer, category, image (base64); VLMEvalKit's, pictures only
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.ranked import Ranked
from omma.evaluate.layouts import find_pictures, find_tables, read_listed
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.seedbench import LmmsEvalSeedBench, SeedBench
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

TABLES = ("SEED-Bench.json", "SEEDBench_IMG.tsv")
COLUMNS = ("choice_a", "choice_b", "choice_c", "choice_d")
DIMENSIONS = (
    "scene understanding",
    "instance identity",
    "instance attributes",
    "instance location",
    "instance counting",
    "spatial relation",
    "instance interaction",
    "visual reasoning",
    "text understanding",
    "action recognition",
    "action prediction",
    "procedure understanding",
)


@config
class SeedBenchQuestions(Published):
    """Officially the options' texts are ranked by likelihood behind "Question: … Answer:"; nothing is written.

    `kinds` are the types of data that are asked about: "image" (dimensions 1 to 9) and "video" (10 to 12).
    """

    about: ClassVar[str] = "twelve dimensions of seeing, ranked by likelihood"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "reasoning")
    layout: ClassVar[str] = "a folder with SEED-Bench.json and its pictures, test-….parquet, or SEEDBench_IMG.tsv"

    path: str = "seedbench"
    kinds: tuple[str, ...] = ("image",)
    asking: Asking = Ranked()
    prompt: Prompt = Prompt(before="Question: ", after="\nAnswer:", choices="", choice="", between="")
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (SeedBench(),)
    subsets: tuple[str, ...] = ("dimension",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions about data of `kinds`, in order."""
        table, name = find_tables(file, uri, TABLES, ("test",))[0]
        if table.suffix != ".parquet" and self.kinds != ("image",):
            got = f"questions about {' and '.join(self.kinds)}, of which this file has no videos but names of clips, or none"
            raise DataError(name, got, "test-….parquet of the hub, in which they are frames", "put those into the folder instead")
        if table.suffix == ".json":
            yield from self._published(table, name)
            return
        for number, where, row in numbered(file, uri, TABLES, ("test",)):
            if str(row.get("data_type", "image")) in self.kinds:
                yield self._question(str(row.get("question_id", row.get("index", number))), row, need(row, "image", where), where)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same option always, as a letter and as likelihoods."""
        return "A", "B", "C", "D", "[1, 0, 0, 0]", "[0, 1, 0, 0]", "[0, 0, 1, 0]", "[0, 0, 0, 1]"

    def _published(self, table: Path, name: str) -> Iterator[Question]:
        folder = find_pictures(table, name, ("SEED-Bench-image",))
        for number, row in enumerate(read_listed(table, name, "questions")[0]):
            where = f"{name}:{number}"
            if need(row, "data_type", where) == "image":
                picture = f"{folder}{need(row, 'data_id', where)}"
                yield self._question(str(need(row, "question_id", where)), row, [picture], where)

    def _question(self, name: str, row: dict[str, Any], pictures: Sequence[str], where: str) -> Question:
        choices = options_of(row) or [str(need(row, column, where)) for column in COLUMNS]
        words = self.prompt.words(str(need(row, "question", where)), choices)
        dimension = _dimension(row, where)
        sample = asking(name, words, pictures, task=dimension)
        return Question(sample, right_letter(row, choices, where), {"choices": choices, "dimension": dimension}, tuple(choices))


LETTERS = (LmmsEvalSeedBench(), VlmEvalKitChoice())


def _dimension(row: dict[str, Any], where: str) -> str:
    number = str(row.get("question_type_id", ""))
    if number in map(str, range(1, len(DIMENSIONS) + 1)):
        return DIMENSIONS[int(number) - 1]
    return str(need(row, "category", where)).lower()

"""ChartQA: questions about charts, people's and generated ones (arXiv 2203.10244). Test.

    chartqa/test/test_human.json        [{"imgname", "query", "label"}, …]
    chartqa/test/test_augmented.json    the same, generated
    chartqa/test/png/two_col_5.png      the charts (the released folder is called "ChartQA Dataset", which may stay)

or a folder with Parquet files test-….parquet of the hub (image, query, label, human_or_machine; or image, question, answer,
type), or VLMEvalKit's ChartQA_TEST.tsv (index, question, answer, split, image).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_beside, find_pictures, find_tables, several, texts
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.relaxed import AUGMENTED, HUMAN, ChartQa, LmmsEvalChartQa, VlmEvalKitChartQa

FILES = {HUMAN: "test_human.json", AUGMENTED: "test_augmented.json"}


@config
class ChartQaQuestions(Published):
    """The benchmark names no prompt; the suffix is that of InternVL and VLMEvalKit, 100 tokens are Qwen-VL's."""

    about: ClassVar[str] = "questions about charts"
    abilities: ClassVar[tuple[str, ...]] = ("charts", "reasoning")
    size: ClassVar[int] = 2500
    layout: ClassVar[str] = (
        "a folder with test/test_human.json and test_augmented.json, or the hub's Parquet files, or ChartQA_TEST.tsv"
    )

    name: str = "chartqa"
    path: str = "chartqa"
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=100)
    metrics: tuple[Metric, ...] = (ChartQa(), LmmsEvalChartQa(), VlmEvalKitChartQa())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions, people's first where they lie in two files."""
        human = FILES[HUMAN]
        names = (human, f"test/{human}", f"ChartQA Dataset/test/{human}", "ChartQA_TEST.tsv")
        for table, name in find_tables(file, uri, names, ("test",)):
            yield from self._released(table, name) if table.suffix == ".json" else self._republished(table, name)

    def _released(self, table: Path, name: str) -> Iterator[Question]:
        folder = find_pictures(table, name, ("png",))
        for split, file in FILES.items():
            there = find_beside(table, name, file)
            if there is None:
                raise DataError(name, f"no {file} beside it", "both files of test: the score is the mean of the two")
            for number, row in enumerate(read_rows(*there)):
                where = f"{there[1]}:{number}"
                picture = folder + str(need(row, "imgname", where))
                words = self.prompt.words(str(need(row, "query", where)))
                gold = texts(need(row, "label", where))
                yield Question(asking(f"{split}:{number}", words, [picture]), gold, {"split": split_name(split)})

    def _republished(self, table: Path, name: str) -> Iterator[Question]:
        for number, row in enumerate(read_rows(table, name)):
            where = f"{name}:{number}"
            asked = row.get("query", row.get("question"))
            gold = row.get("label", row.get("answer"))
            if asked is None or gold is None:
                raise DataError(where, f"neither query and label nor question and answer among {', '.join(row)}", "a question")
            key = str(row.get("index", f"{table.stem}:{number}"))
            facts = {"split": kind} if (kind := _split(row)) else {}
            right = several(gold) if table.suffix == ".tsv" else texts(gold)
            yield Question(asking(key, self.prompt.words(str(asked)), need(row, "image", where)), right, facts)


def split_name(kind: str) -> str:
    """human or augmented → the split as lmms-eval and VLMEvalKit name it."""
    return f"{kind}_test"


def _split(row: dict[str, Any]) -> str:
    """Row → its split under one name, whatever the release calls it; nothing where it does not say."""
    machine = str(row.get("human_or_machine", ""))
    if machine:
        return split_name(HUMAN if machine in ("0", "human") else AUGMENTED)
    said = str(row.get("type", row.get("split", "")))
    return split_name(HUMAN if HUMAN in said else AUGMENTED) if said else ""

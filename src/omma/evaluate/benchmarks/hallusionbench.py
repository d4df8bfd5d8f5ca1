"""HallusionBench: questions on figures, on the same figures edited, and without any figure (arXiv 2310.14566).

    hallusionbench/HallusionBench.json             [{"category", "subcategory", "set_id", "figure_id", "question_id", "question",
                                                   "visual_input", "gt_answer": "0" or "1", "filename"}, …]
    hallusionbench/hallusion_bench/VD/illusion/…   or hallusion_bench.zip, there or in a folder above

or a folder with Parquet files image-….parquet and non_image-….parquet of the hub (the same columns and image), or
VLMEvalKit's HallusionBench.tsv (index, question, answer, category, l2-category, image). Questions without a figure are
asked without a picture.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.layouts import find_pictures, find_tables
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.hallusion import HallusionBench, VlmEvalKitHallusion
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

PARTS = ("category", "subcategory", "set_id", "figure_id", "question_id")
TOLD = 3  # of them stand at the end of an index of VLMEvalKit's table
FOLDER = "hallusion_bench"
VERDICT = """\
A model answered a question about a figure that you cannot see. You know whether the right answer is yes or no.

Question: {question}
Right answer: {gold}
Answer to judge: {reply}

Write one word: correct if it says the same, incorrect if it says the opposite, unclear if it says neither."""


@config
class HallusionBenchQuestions(Published):
    """Scored by the words yes and no, without a judge, as VLMEvalKit does under exact matching, on questions with a figure.

    The official score is by a judge and is `JudgedHallusionBench`. The question stands alone, as in the official script;
    128 tokens are lmms-eval's. Ids are category_subcategory_set_figure_question, or those
    of a TSV.
    """

    about: ClassVar[str] = "figures, edited figures and none: does it look, or remember?"
    abilities: ClassVar[tuple[str, ...]] = ("hallucination",)
    size: ClassVar[int] = 1129
    layout: ClassVar[str] = "a folder with HallusionBench.json, or the hub's Parquet files, or HallusionBench.tsv"

    name: str = "hallusionbench"
    path: str = "hallusionbench"
    pictures: tuple[str, ...] = (FOLDER,)
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=128)
    metrics: tuple[Metric, ...] = (VlmEvalKitHallusion(),)
    subsets: tuple[str, ...] = ("category",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        for table, name in find_tables(file, uri, ("HallusionBench.json", "HallusionBench.tsv"), ("image", "non_image")):
            folder = find_pictures(table, name, self.pictures) if table.suffix == ".json" else ""
            for number, row in enumerate(read_rows(table, name)):
                where = f"{name}:{number}"
                parts = _parts(row, where)
                seen = {"visual_input": str(row["visual_input"])} if "visual_input" in row else {}
                pictures = [_inside(folder, str(row["filename"]))] if folder and "filename" in row else row.get("image", ())
                gold = next((str(row[column]) for column in ("gt_answer", "answer") if column in row), None)
                if gold is None:
                    raise DataError(where, f"no gt_answer or answer among {', '.join(row)}", "the right answer")
                words = self.prompt.words(str(need(row, "question", where)))
                sample = asking(str(row.get("index", "_".join(parts.values()))), words, pictures, task=parts["subcategory"])
                yield Question(sample, _yes_or_no(gold, where), parts | seen)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Always yes, or always no."""
        return "yes", "no"


@config
class JudgedHallusionBench(HallusionBenchQuestions):
    """The official score: correct, incorrect or unclear, as a judge found. No judge is asked unless a person names one.

    Without recorded verdicts every reply is unread and wrong. What a judge is told here are our own words, with yes or no
    for the right answer; the official script tells it in a sentence.
    """

    name: str = "hallusionbench_judged"
    judging: JudgeWords = JudgeWords(text=VERDICT, max_tokens=8)
    metrics: tuple[Metric, ...] = (HallusionBench(), VlmEvalKitHallusion())

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """None: what a judge would say of one is not known."""
        return ()


def _parts(row: dict[str, Any], where: str) -> dict[str, str]:
    """Row → what tells it from all others: its own columns, or the index of VLMEvalKit's table."""
    if all(name in row for name in PARTS):
        return {name: str(row[name]) for name in PARTS}
    numbers = str(need(row, "index", where)).split("_")[-TOLD:]
    if len(numbers) != TOLD:
        raise DataError(where, f"index {row['index']!r}", f"one that ends in {'_'.join(PARTS[-TOLD:])}")
    kinds = (str(need(row, "category", where)), str(need(row, "l2-category", where)))
    return dict(zip(PARTS, (*kinds, *numbers), strict=True))


def _yes_or_no(gold: str, where: str) -> str:
    right = {"0": "no", "1": "yes"}.get(gold, gold.lower())
    if right not in ("yes", "no"):
        raise DataError(where, f"the right answer {gold!r}", "0 or 1, or no or yes")
    return right


def _inside(folder: str, name: str) -> str:
    """Folder of pictures + "./hallusion_bench/VD/…" → the picture's name in the store."""
    return folder + name.removeprefix("./").removeprefix(f"{FOLDER}/")

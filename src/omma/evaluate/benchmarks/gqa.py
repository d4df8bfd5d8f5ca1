"""GQA: questions of several steps about scenes, built from scene graphs (arXiv 1902.09506). Testdev, balanced.

    gqa/testdev_balanced_questions.json    {"201307251": {"imageId", "question", "answer", "types", "groups"}, …}
    gqa/images/n161313.jpg                 or images.zip, there or in a folder above

or the hub's folders testdev_balanced_instructions and testdev_balanced_images with their Parquet files testdev-….parquet,
or VLMEvalKit's GQA_TestDev_Balanced.tsv (index, question, answer, image).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures, find_tables
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import KEY, need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.gqa import Gqa, LlavaGqa, LmmsEvalGqa, VlmEvalKitGqa
from omma.metrics.gqa_distribution import GqaDistribution
from omma.metrics.metric import Metric

KINDS = ("structural", "semantic")
BINARY, OPEN = "binary", "open"


@config
class GqaQuestions(Published):
    """The official script names no prompt; suffix and 16 tokens are lmms-eval's and LLaVA's.

    Of the official script's numbers it has accuracy, whole, binary, open and by kind of question, and distribution. Its
    consistency needs answers to unbalanced questions, too; validity and plausibility need files that testdev lacks.
    """

    about: ClassVar[str] = "questions of several steps about scenes"
    abilities: ClassVar[tuple[str, ...]] = ("general", "reasoning")
    size: ClassVar[int] = 12578
    layout: ClassVar[str] = "a folder with testdev_balanced_questions.json, or the hub's Parquet files, or GQA_TestDev_Balanced.tsv"

    name: str = "gqa"
    path: str = "gqa"
    pictures: tuple[str, ...] = ("images",)
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (Gqa(), GqaDistribution(), LlavaGqa(), LmmsEvalGqa(), VlmEvalKitGqa())
    subsets: tuple[str, ...] = ("form", *KINDS)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions."""
        tables = find_tables(file, uri, ("testdev_balanced_questions.json", "GQA_TestDev_Balanced.tsv"), ("testdev_balanced_",))
        rows = [(f"{name}:{i}", row) for table, name in tables for i, row in enumerate(read_rows(table, name))]
        asked = [(where, row) for where, row in rows if "question" in row]
        if not asked:
            raise DataError(uri, "no row with a question", self.layout)
        shown = {str(row[KEY]): row["image"] for _, row in rows if "question" not in row and "image" in row and KEY in row}
        folder = "" if shown or "image" in asked[0][1] else find_pictures(*tables[0], self.pictures)
        for where, row in asked:
            key = str(row.get(KEY, row.get("index", where)))
            if "answer" not in row:
                fix = "take testdev: the answers of test are kept by the benchmark's server"
                raise DataError(where, "no answer", "the right answer", fix)
            sample = asking(key, self.prompt.words(str(row["question"])), _picture(row, shown, folder, where))
            yield Question(sample, str(row["answer"]), _facts(row))


def _facts(row: dict[str, Any]) -> dict[str, str]:
    """Row → its kinds, whether it is binary or open ("query"), and the group in which answers are distributed, as far as told."""
    types, groups = ({} if not isinstance(row.get(name), dict) else row[name] for name in ("types", "groups"))
    facts = {kind: str(types[kind]) for kind in KINDS if types.get(kind)}
    form = {"form": OPEN if facts["structural"] == "query" else BINARY} if "structural" in facts else {}
    return facts | form | ({"group": str(groups["global"])} if groups.get("global") else {})


def _picture(row: dict[str, Any], shown: dict[str, Any], folder: str, where: str) -> tuple[str, ...]:
    """Row → its picture: in its own cell, in another table by its id, or a file in the folder."""
    if "image" in row:
        return tuple(row["image"])
    image = str(need(row, "imageId", where))
    if folder:
        return (f"{folder}{image}.jpg",)
    if image not in shown:
        raise DataError(where, f"no picture {image} in the tables of pictures", "questions and pictures of one split")
    return tuple(shown[image])

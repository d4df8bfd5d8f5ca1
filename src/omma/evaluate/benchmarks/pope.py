"""POPE: is there a … in the picture? Asked of random, popular and adversarially chosen objects (arXiv 2305.10355).

    coco/coco_pope_random.json, …_popular.json, …_adversarial.json    one JSON object a line: question_id, image, text, label
    val2014/COCO_val2014_….jpg                                        the pictures

The file of random objects has had 2,910 lines and 3,000; both are read as they are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_lines
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.pope import LmmsEvalPope, Pope, VlmEvalKitPope
from omma.schema.verdict import Record

SPLITS = ("random", "popular", "adversarial")


@config
class PopeQuestions(Published):
    """POPE on COCO. `pictures` is the folder of the photos, beside `path`. LLaVA's suffix asks for a single word."""

    about: ClassVar[str] = "object hallucination: is there a …?"
    abilities: ClassVar[tuple[str, ...]] = ("hallucination",)
    size: ClassVar[int] = 9000
    layout: ClassVar[str] = "a folder coco with coco_pope_random.json, coco_pope_popular.json, coco_pope_adversarial.json"

    name: str = "pope"
    path: str = "coco"
    pictures: str = "val2014"
    prompt: Prompt = Prompt(after=SHORT)
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (Pope(), LmmsEvalPope(), VlmEvalKitPope())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the questions of its splits, random first."""
        splits = [split for split in SPLITS if (file / f"coco_pope_{split}.json").is_file()]
        if not splits:
            raise DataError(uri, "no coco_pope_….json", self.layout, "take the folder output/coco of the benchmark")
        for split in splits:
            name = f"coco_pope_{split}.json"
            for number, row in enumerate(read_lines(file / name, f"{uri}/{name}"), 1):
                where = f"{uri}/{name}:{number}"
                words = self.prompt.words(str(need(row, "text", where)))
                picture = self.beside(uri, f"{self.pictures}/{need(row, 'image', where)}")
                sample = asking(f"{split}:{need(row, 'question_id', where)}", words, [picture], task=split)
                yield Question(sample, str(need(row, "label", where)), {"category": split})

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Always yes, or always no."""
        return "yes", "no"

"""RefCOCO, RefCOCO+ and RefCOCOg: where is what this expression says? One box, or one mask (arXiv 1608.00272, 1511.02283).

    refer/refcoco/refs(unc).p, instances.json     and refcoco+, refcocog (refs(umd).p) beside it; or refcoco_val.jsonl, …; or
    refer/RefCOCO/data/val-….parquet              the hub's; see `referred.py`
    refer/train2014/COCO_train2014_….jpg          COCO's pictures, here or in a folder above

Each expression is a sample. Scores are read split by split, as papers do: the number over all is of no paper.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.evaluate.pictured import BOXES, OUTLINES, Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.referred import Referred, read_split
from omma.generate.sampling import Sampling
from omma.metrics.boxes.markup import OwnMarkup
from omma.metrics.boxes.referring import RefCoco, RefCocoInclusive, RefCocoMdetr, RefCocoNotebook
from omma.metrics.boxes.written import BoxFormat
from omma.metrics.masks.referring import ReferringMask
from omma.metrics.metric import Metric

COCO_SETS = ("refcoco unc val testA testB", "refcoco+ unc val testA testB", "refcocog umd val test")


def box_metrics(format: BoxFormat) -> tuple[Metric, ...]:
    """How boxes are written → Acc@0.5 as Qwen-VL counts it, then by refer's, Pascal's and MDETR's overlap."""
    return RefCoco(format=format), RefCocoNotebook(format=format), RefCocoInclusive(format=format), RefCocoMdetr(format=format)


@config
class RefCocoQuestions(Pictured):
    """Boxes. The default asks in LLaVA's words and reads the model's own markup, or the JSON of recorded answers.

    `sets` are data sets, each with who split it and its splits; those that are not there are left out.
    """

    about: ClassVar[str] = "the box of what an expression refers to"
    abilities: ClassVar[tuple[str, ...]] = ("grounding",)
    size: ClassVar[int] = 57457
    layout: ClassVar[str] = (
        "a folder refer with refcoco/refs(unc).p and instances.json, refcoco_val.jsonl, or RefCOCO/data/val-….parquet"
    )

    name: str = "refcoco"
    path: str = "refer"
    sets: tuple[str, ...] = COCO_SETS
    prompt: Prompt = Prompt(before="Please provide the bounding box coordinate of the region this sentence describes: ", after=".")
    sampling: Sampling = Sampling(max_tokens=64)
    metrics: tuple[Metric, ...] = box_metrics(OwnMarkup())
    subsets: tuple[str, ...] = ("split",)
    trivial: tuple[str, ...] = BOXES

    def check(self) -> None:
        super().check()
        for one in self.sets:
            if len(one.split()) < 3:
                raise ConfigError(
                    f"{self.name}.sets", repr(one), "a data set, who split it, and its splits: 'refcoco unc val testA'"
                )

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the expressions of its splits, data set by data set."""
        seen = 0
        for name, by, *splits in (one.split() for one in self.sets):
            for split in splits:
                for row in read_split(file, uri, name, by, split) or ():
                    seen += 1
                    yield self.question(row, f"{name} {split}", uri)
        if not seen:
            raise DataError(uri, "none of its data sets", self.layout, "take the files as they are published")

    def question(self, row: Referred, split: str, uri: str) -> Question:
        """One expression → the question for its object."""
        name = f"{split.replace(' ', '_')}:{row.id}"
        sample = asking(name, self.prompt.words(row.expression), [row.picture], task=split)
        return Question(sample, self.truth(row, uri), {"width": row.width, "height": row.height, "split": split})

    def truth(self, row: Referred, uri: str) -> Any:
        """One expression → what is right: the box, xyxy px."""
        return row.box


@config
class RefCocoMasks(RefCocoQuestions):
    """Masks: recorded ones, as a rule. A reply is JSON: run lengths as COCO writes them, or polygons in px."""

    about: ClassVar[str] = "the mask of what an expression refers to"

    name: str = "refcoco_seg"
    prompt: Prompt = Prompt(before="Please segment what this sentence describes: ", after=".")
    sampling: Sampling = Sampling(max_tokens=2048)
    metrics: tuple[Metric, ...] = (ReferringMask(),)
    trivial: tuple[str, ...] = OUTLINES

    def truth(self, row: Referred, uri: str) -> Any:
        """One expression → its mask, as stored. DataError for a layout that has boxes only."""
        if not row.mask:
            fix = "take refer's layout: the JSON lines of Qwen-VL hold boxes only"
            raise DataError(f"{uri}: {row.id}", "no segmentation", "the mask of the object", fix)
        return row.mask

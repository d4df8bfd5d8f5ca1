"""SugarCrepe++: two captions that say the same in other words, and a hard negative (arXiv 2406.11171).

data/replace_att.json, replace_obj.json, replace_rel.json, swap_att.json, swap_obj.json
                    lists of rows: id, filename, caption, caption2, negative_caption
val2017/….jpg       COCO's pictures, in the folder or above it, or val2017.zip
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import ComparedAmong
from omma.evaluate.benchmarks.sugarcrepe import NEGATIVE, POSITIVE, split_rows
from omma.evaluate.layouts import find_pictures
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.metrics.metric import Metric
from omma.metrics.pairs.sugarcrepe import SugarCrepePlus
from omma.schema.verdict import Record


@config
class SugarCrepePlusQuestions(Published):
    """Numbers over all rows, then the main metric per split. `words` ask a model that writes."""

    about: ClassVar[str] = "two captions that say the same, and a hard negative"
    abilities: ClassVar[tuple[str, ...]] = ("compositionality", "paraphrase")
    layout: ClassVar[str] = "a folder with replace_att.json, …, swap_obj.json, and COCO's val2017 beside it"

    name: str = "sugarcrepe_pp"
    path: str = "data"
    pictures: str = "val2017"
    words: str = ""
    asking: Asking = ComparedAmong()
    metrics: tuple[Metric, ...] = (SugarCrepePlus(),)
    subsets: tuple[str, ...] = ("split",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the questions of its splits: [caption, the other caption, negative]."""
        places = find_pictures(file, uri, [self.pictures])
        for split, where, row in split_rows(file, uri):
            captions = tuple(str(need(row, name, where)) for name in (POSITIVE, "caption2", NEGATIVE))
            picture = f"{places}{need(row, 'filename', where)}"
            name = f"{split}:{need(row, 'id', where)}"
            yield Question(asking(name, self.words, [picture], task=split), list(captions[:2]), {"split": split}, captions)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for all, with and without the captions among each other."""
        return "[0.0, 0.0, 0.0]", "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]"

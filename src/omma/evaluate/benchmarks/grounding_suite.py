"""GSEval (GroundingSuite): stuff, parts, several objects and single ones, by box and by mask (arXiv 2503.10596).

    GroundingSuite-Eval.jsonl    idx, image_path, class_id, label, caption, box (xyxy px), segmentation (run lengths)
    unlabeled2017/….jpg          COCO's pictures without labels, here, in images/, or in a folder above

The caption is what is asked for. Predictions of the benchmark's own script (`predicted_box`, by `idx`) are recorded answers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.layouts import find_pictures
from omma.evaluate.pictured import BOXES, OUTLINES, Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.boxes.markup import OwnMarkup
from omma.metrics.boxes.referring import GroundingSuiteBox
from omma.metrics.masks.referring import GroundingSuiteMask
from omma.metrics.metric import Metric

CLASSES = {1: "stuff", 2: "part", 3: "multi", 4: "single"}


@config
class GroundingSuiteQuestions(Pictured):
    """Boxes, in the model's own markup or recorded as JSON in px. Scores are also read class by class."""

    about: ClassVar[str] = "the box of stuff, a part, several objects or one"
    abilities: ClassVar[tuple[str, ...]] = ("grounding",)
    size: ClassVar[int] = 3715
    layout: ClassVar[str] = "the published file GroundingSuite-Eval.jsonl, with unlabeled2017 beside it or above"
    column: ClassVar[str] = "box"

    name: str = "gseval_box"
    path: str = "GroundingSuite-Eval.jsonl"
    prompt: Prompt = Prompt(before="Please provide the bounding box coordinate of the region this sentence describes: ")
    sampling: Sampling = Sampling(max_tokens=64)
    metrics: tuple[Metric, ...] = (GroundingSuiteBox(format=OwnMarkup()),)
    subsets: tuple[str, ...] = ("class",)
    trivial: tuple[str, ...] = BOXES

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → its rows as questions."""
        photos = find_pictures(file, uri, ("unlabeled2017", "images/unlabeled2017"))
        for number, row in enumerate(read_rows(file, uri), 1):
            where = f"{uri}:{number}"
            kind = need(row, "class_id", where)
            if kind not in CLASSES:
                raise DataError(where, f"class_id {kind!r}", f"one of {', '.join(map(str, CLASSES))}")
            words = self.prompt.words(str(need(row, "caption", where)))
            picture = photos + Path(str(need(row, "image_path", where))).name
            sample = asking(str(need(row, "idx", where)), words, [picture], task=CLASSES[kind])
            yield Question(sample, need(row, self.column, where), _size(row) | {"class": CLASSES[kind]})


@config
class GroundingSuiteMasks(GroundingSuiteQuestions):
    """Masks: recorded ones, as a rule. A reply is JSON: run lengths as COCO writes them, or polygons in px."""

    about: ClassVar[str] = "the mask of stuff, a part, several objects or one"
    column: ClassVar[str] = "segmentation"

    name: str = "gseval_mask"
    prompt: Prompt = Prompt(before="Please segment what this sentence describes: ")
    sampling: Sampling = Sampling(max_tokens=2048)
    metrics: tuple[Metric, ...] = (GroundingSuiteMask(),)
    trivial: tuple[str, ...] = OUTLINES


def _size(row: dict[str, Any]) -> dict[str, int]:
    """The size of a picture as its mask states it; nothing if it does not."""
    size = row.get("segmentation", {}).get("size") if isinstance(row.get("segmentation"), dict) else None
    return {"height": int(size[0]), "width": int(size[1])} if isinstance(size, list) and len(size) == 2 else {}

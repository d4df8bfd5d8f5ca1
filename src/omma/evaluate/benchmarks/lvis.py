"""LVIS: objects of 1,203 kinds, most of them rare; a picture is labelled for some of them only (arXiv 1908.03195).

    lvis_v1_val.json                images (coco_url, neg_category_ids, not_exhaustive_category_ids), annotations,
                                    categories (frequency)
    val2017/….jpg, train2017/….jpg  COCO's pictures

Results come as recorded answers, in a COCO results file. No prompt names 1,203 kinds: a model that writes is asked for the kinds
that its picture is checked for.
"""

from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.coco_detection import CocoDetection
from omma.evaluate.coco_file import CocoFile
from omma.evaluate.layouts import find_pictures
from omma.evaluate.tables import need
from omma.metrics.detection.lvis import LvisBox, LvisMask
from omma.metrics.metric import Metric

CHECKED = ("neg_category_ids", "not_exhaustive_category_ids")
GROUPS = ("r", "c", "f")


@config
class LvisDetection(CocoDetection):
    """Boxes. Facts beside COCO's: what the picture is checked for, and how rare the kinds are that it speaks of."""

    about: ClassVar[str] = "objects of 1,203 kinds, most of them rare"
    size: ClassVar[int] = 19809
    layout: ClassVar[str] = "LVIS's lvis_v1_val.json, with COCO's val2017 and train2017 beside it or above"

    name: str = "lvis_detection"
    path: str = "lvis_v1_val.json"
    metrics: tuple[Metric, ...] = (LvisBox(),)

    def shown(self, file: Path, uri: str, row: dict[str, Any]) -> str:
        """A picture's row → its name in the store, after the end of its address."""
        where = f"{uri}: picture {row['id']}"
        folder, _, name = str(need(row, "coco_url", where)).rpartition("/")
        if not folder:
            raise DataError(where, f"coco_url {name!r}", "an address that ends in val2017/….jpg")
        folder = folder.rpartition("/")[2]
        return find_pictures(file, uri, (folder, f"images/{folder}")) + name

    def sought(self, truth: CocoFile, picture: Any) -> dict[Any, str]:
        """A picture of the file → names by id of the categories that it is checked for."""
        row, where = truth.pictures[picture], f"{truth.uri}: picture {picture}"
        checked = {note["category_id"] for note in truth.notes_of[picture]}.union(*(need(row, key, where) for key in CHECKED))
        return {number: name for number, name in truth.names.items() if number in checked}

    def told(self, truth: CocoFile, picture: Any) -> dict[str, Any]:
        """A picture of the file → what it is checked for, and the kinds of each group among that."""
        row, ids = truth.pictures[picture], self.sought(truth, picture)
        group = {number: need(truth.kinds[number], "frequency", f"{truth.uri}: category {number}") for number in ids}
        return {key: row[key] for key in CHECKED} | {
            "frequency": {letter: [number for number in ids if group[number] == letter] for letter in GROUPS}
        }


@config
class LvisMasks(LvisDetection):
    """Masks: recorded ones, as run lengths or polygons."""

    about: ClassVar[str] = "masks of objects of 1,203 kinds, most of them rare"
    kept: ClassVar[tuple[str, ...]] = ("category_id", "segmentation", "area", "iscrowd")

    name: str = "lvis_segmentation"
    metrics: tuple[Metric, ...] = (LvisMask(),)

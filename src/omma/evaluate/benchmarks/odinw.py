"""ODinW: thirteen small sets of objects in the wild, from aquariums to potholes (arXiv 2204.08790).

    odinw/Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/annotations_without_background.json    COCO's layout
    odinw/Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/….jpg                                   pictures beside it

Which part of a set is scored is as in microsoft/GLIP `configs/odinw_13` (DATASETS.TEST): validation, of EgoHands "mini_val".
All thirteen must be there: a mean over fewer is another number. A results file for all of them names each row's `dataset`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.coco_detection import CocoDetection
from omma.evaluate.coco_file import CocoFile, read_coco
from omma.evaluate.question import Question
from omma.evaluate.tables import need
from omma.metrics.detection.odinw import Odinw
from omma.metrics.metric import Metric

THIRTEEN = (
    "AerialMaritimeDrone/large/valid/annotations_without_background.json",
    "Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/annotations_without_background.json",
    "CottontailRabbits/valid/annotations_without_background.json",
    "EgoHands/generic/mini_val/annotations_without_background.json",
    "NorthAmericaMushrooms/North American Mushrooms.v1-416x416.coco/valid/annotations_without_background.json",
    "Packages/Raw/valid/annotations_without_background.json",
    "PascalVOC/valid/annotations_without_background.json",
    "pistols/export/val_annotations_without_background.json",
    "pothole/valid/annotations_without_background.json",
    "Raccoon/Raccoon.v2-raw.coco/valid/annotations_without_background.json",
    "ShellfishOpenImages/raw/valid/annotations_without_background.json",
    "thermalDogsAndPeople/valid/annotations_without_background.json",
    "VehiclesOpenImages/416x416/valid/annotations_without_background.json",
)


@config
class OdinwDetection(CocoDetection):
    """Boxes. `sets` are files below `path`, pictures beside each; its first folder names a set. Mean AP, then AP of each set."""

    about: ClassVar[str] = "objects of thirteen small sets in the wild"
    layout: ClassVar[str] = "a folder odinw with Aquarium/…/valid/annotations_without_background.json and twelve more"

    name: str = "odinw13"
    path: str = "odinw"
    sets: tuple[str, ...] = THIRTEEN
    metrics: tuple[Metric, ...] = (Odinw(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → a question a picture, set by set. DataError if a set is missing."""
        for place in self.sets:
            folder = f"{uri}/{place}".rpartition("/")[0]
            if not (file / place).is_file():
                raise DataError(f"{uri}/{place}", "no such file", f"all {len(self.sets)} sets", "fetch it, or change `sets`")
            truth = read_coco(file / place, f"{uri}/{place}")
            for picture, row in truth.pictures.items():
                name = f"{self.dataset(truth)}:{picture:012}" if isinstance(picture, int) else f"{self.dataset(truth)}:{picture}"
                shown = f"{folder}/{need(row, 'file_name', f'{truth.uri}: picture {picture}')}"
                yield self.question(truth, picture, shown, name)

    def told(self, truth: CocoFile, picture: Any) -> dict[str, Any]:
        """A picture of the file → the name of its set."""
        return {"dataset": self.dataset(truth)}

    def dataset(self, truth: CocoFile) -> str:
        """One of the files → the name of its set."""
        return next(place for place in self.sets if truth.uri.endswith(f"/{place}")).partition("/")[0]

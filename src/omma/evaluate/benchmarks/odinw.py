"""ODinW: small sets of objects in the wild, from aquariums to potholes; thirteen of them, or all 35 (arXiv 2204.08790).

    odinw/Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/annotations_without_background.json    COCO's layout
    odinw/Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/….jpg                                   pictures beside it

Which part of a set is scored is as in microsoft/GLIP `configs/odinw_13` and `configs/odinw_35` (DATASETS.TEST): validation, or a
small part of it where that is large; open-mmlab/mmdetection `configs/odinw` takes the whole of it there. All sets must be there: a
mean over fewer is another number. A results file for all of them names each row's `dataset`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.benchmarks.coco_detection import CocoDetection
from omma.evaluate.coco_file import read_coco
from omma.evaluate.question import Question
from omma.evaluate.tables import need
from omma.metrics.detection.odinw import Odinw
from omma.metrics.metric import Metric

TRUTH = "annotations_without_background.json"  # behind each of the sets
THIRTEEN = (
    "AerialMaritimeDrone AerialMaritimeDrone/large/valid/",
    "Aquarium Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/",
    "CottontailRabbits CottontailRabbits/valid/",
    "EgoHands EgoHands/generic/mini_val/",
    "NorthAmericaMushrooms NorthAmericaMushrooms/North American Mushrooms.v1-416x416.coco/valid/",
    "Packages Packages/Raw/valid/",
    "PascalVOC PascalVOC/valid/",
    "pistols pistols/export/val_",
    "pothole pothole/valid/",
    "Raccoon Raccoon/Raccoon.v2-raw.coco/valid/",
    "ShellfishOpenImages ShellfishOpenImages/raw/valid/",
    "thermalDogsAndPeople thermalDogsAndPeople/valid/",
    "VehiclesOpenImages VehiclesOpenImages/416x416/mini_val/",
)
ALL = (
    "AerialMaritimeDrone_large AerialMaritimeDrone/large/valid/",
    "AerialMaritimeDrone_tiled AerialMaritimeDrone/tiled/valid/",
    "AmericanSignLanguageLetters AmericanSignLanguageLetters/American Sign Language Letters.v1-v1.coco/valid/",
    "Aquarium Aquarium/Aquarium Combined.v2-raw-1024.coco/valid/",
    "BCCD BCCD/BCCD.v3-raw.coco/valid/",
    "boggleBoards boggleBoards/416x416AutoOrient/export/val_",
    "brackishUnderwater brackishUnderwater/960x540/mini_val/",
    "ChessPieces ChessPieces/Chess Pieces.v23-raw.coco/valid/",
    "CottontailRabbits CottontailRabbits/valid/",
    "dice dice/mediumColor/export/val_",
    "DroneControl DroneControl/Drone Control.v3-raw.coco/mini_val/",
    "EgoHands_generic EgoHands/generic/mini_val/",
    "EgoHands_specific EgoHands/specific/mini_val/",
    "HardHatWorkers HardHatWorkers/raw/valid/",
    "MaskWearing MaskWearing/raw/valid/",
    "MountainDewCommercial MountainDewCommercial/valid/",
    "NorthAmericaMushrooms NorthAmericaMushrooms/North American Mushrooms.v1-416x416.coco/valid/",
    "openPoetryVision openPoetryVision/512x512/mini_val/",
    "OxfordPets_by-breed OxfordPets/by-breed/mini_val/",
    "OxfordPets_by-species OxfordPets/by-species/mini_val/",
    "PKLot PKLot/640/mini_val/",
    "Packages Packages/Raw/valid/",
    "PascalVOC PascalVOC/valid/",
    "pistols pistols/export/val_",
    "plantdoc plantdoc/416x416/valid/",
    "pothole pothole/valid/",
    "Raccoon Raccoon/Raccoon.v2-raw.coco/valid/",
    "selfdrivingCar selfdrivingCar/fixedLarge/export/val_",
    "ShellfishOpenImages ShellfishOpenImages/raw/valid/",
    "ThermalCheetah ThermalCheetah/valid/",
    "thermalDogsAndPeople thermalDogsAndPeople/valid/",
    "UnoCards UnoCards/raw/mini_val/",
    "VehiclesOpenImages VehiclesOpenImages/416x416/mini_val/",
    "WildfireSmoke WildfireSmoke/valid/",
    "websiteScreenshots websiteScreenshots/mini_val/",
)


@config
class OdinwDetection(CocoDetection):
    """Boxes. `sets` are names, and after a space what stands in front of the file's own name below `path`; pictures lie beside.

    The numbers are mean AP, then AP of each set.
    """

    about: ClassVar[str] = "objects of small sets in the wild"
    layout: ClassVar[str] = "a folder odinw with Aquarium/…/valid/annotations_without_background.json and the others"

    name: str = "odinw13"
    path: str = "odinw"
    sets: tuple[str, ...] = THIRTEEN
    metrics: tuple[Metric, ...] = (Odinw(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → a question a picture, set by set. DataError if a set is missing."""
        for name, _, place in (one.partition(" ") for one in self.sets):
            where = f"{uri}/{place}{TRUTH}"
            if not (file / f"{place}{TRUTH}").is_file():
                raise DataError(where, "no such file", f"all {len(self.sets)} sets", "fetch it, or change `sets`")
            truth = read_coco(file / f"{place}{TRUTH}", where)
            for picture, row in truth.pictures.items():
                shown = f"{where.rpartition('/')[0]}/{need(row, 'file_name', f'{where}: picture {picture}')}"
                number = f"{picture:012}" if isinstance(picture, int) else str(picture)
                question = self.question(truth, picture, shown, f"{name}:{number}")
                yield replace(question, facts=question.facts | {"dataset": name})

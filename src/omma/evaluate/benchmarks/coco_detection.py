"""COCO: every object of eighty kinds, with its box, its mask or its joints (arXiv 1405.0312).

    annotations/instances_val2017.json    images, annotations, categories
    val2017/000000000139.jpg              the pictures, beside the folder, or val2017.zip

A detector's results come as recorded answers, in a COCO results file. A model that writes is asked in lmms-eval's words for
ODinW, which are Qwen2.5-VL's. What it writes has no confidence: each box scores 1, and the order in which it names them ranks
them within a picture, the sorted ids of pictures between them. AP punishes that; recall does not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.evaluate.coco_file import CocoFile, Note, read_coco
from omma.evaluate.layouts import find_pictures
from omma.evaluate.pictured import Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.detection.coco import CocoBox, CocoKeypoints, CocoMask
from omma.metrics.metric import Metric

LOCATE = Prompt(
    before="Locate every instance that belongs to the following categories: ´", after="´. Report bbox coordinates in JSON format."
)


@config
class CocoDetection(Pictured):
    """Boxes. One question a picture; its gold are the picture's annotations, its facts the ids of the categories by name.

    `pictures` are folders of which the first that is there is taken. Ids are those of pictures, as twelve digits.
    """

    about: ClassVar[str] = "every object of eighty kinds, with its box"
    abilities: ClassVar[tuple[str, ...]] = ("detection",)
    layout: ClassVar[str] = "COCO's instances_….json, with its pictures in a folder beside it or above"
    kept: ClassVar[tuple[str, ...]] = ("category_id", "bbox", "area", "iscrowd")

    name: str = "coco_detection"
    path: str = "annotations/instances_val2017.json"
    pictures: tuple[str, ...] = ("val2017", "images/val2017")
    prompt: Prompt = LOCATE
    sampling: Sampling = Sampling(max_tokens=8192)
    metrics: tuple[Metric, ...] = (CocoBox(),)
    trivial: tuple[str, ...] = ("[]",)  # nothing anywhere

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → a question a picture, in the order of the file."""
        truth = read_coco(file, uri)
        for picture, row in truth.pictures.items():
            name = f"{picture:012}" if isinstance(picture, int) else str(picture)
            yield self.question(truth, picture, self.shown(file, uri, row), name)

    def shown(self, file: Path, uri: str, row: dict[str, Any]) -> str:
        """A picture's row → its name in the store."""
        return find_pictures(file, uri, self.pictures) + str(need(row, "file_name", f"{uri}: picture {row['id']}"))

    def question(self, truth: CocoFile, picture: Any, file: str, name: str) -> Question:
        """A picture of the file → the question for all that is in it. DataError for annotations that lack what is scored."""
        width, height = truth.size(picture)
        gold = [self._kept(note, f"{truth.uri}: annotation {note.get('id')}") for note in truth.notes_of[picture]]
        names = self.sought(truth, picture)
        facts = {"width": width, "height": height, "names": {name: number for number, name in names.items()}}
        sample = asking(name, self.prompt.words(", ".join(names.values())), [file], task="detection")
        return Question(sample, gold, facts | self.told(truth, picture))

    def sought(self, truth: CocoFile, picture: Any) -> dict[Any, str]:
        """A picture of the file → names by id of the categories that are looked for in it."""
        return truth.names

    def told(self, truth: CocoFile, picture: Any) -> dict[str, Any]:
        """A picture of the file → further facts for the metric."""
        return {}

    def _kept(self, note: Note, where: str) -> Note:
        return {key: need(note, key, where) for key in self.kept if key != "iscrowd"} | {"iscrowd": int(note.get("iscrowd", 0))}


@config
class CocoMasks(CocoDetection):
    """Masks: recorded ones, as run lengths or polygons."""

    about: ClassVar[str] = "every object of eighty kinds, with its mask"
    kept: ClassVar[tuple[str, ...]] = ("category_id", "segmentation", "area", "iscrowd")

    name: str = "coco_segmentation"
    metrics: tuple[Metric, ...] = (CocoMask(),)


@config
class CocoJoints(CocoDetection):
    """Seventeen joints of every person: recorded ones."""

    about: ClassVar[str] = "the joints of every person"
    kept: ClassVar[tuple[str, ...]] = ("category_id", "keypoints", "num_keypoints", "bbox", "area", "iscrowd")

    name: str = "coco_keypoints"
    path: str = "annotations/person_keypoints_val2017.json"
    metrics: tuple[Metric, ...] = (CocoKeypoints(),)

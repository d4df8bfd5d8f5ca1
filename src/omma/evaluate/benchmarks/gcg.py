"""GCG: describe a picture and ground every phrase in a mask, on GranD-f (arXiv 2311.03356).

    GranDf/annotations/val_test/val_gcg_coco_caption_gt.json    images; annotations: image_id, caption, labels
    GranDf/annotations/val_test/val_gcg_coco_mask_gt.json       annotations: image_id, segmentation
    GranDf_HA_images/val_test/sa_….jpg                          the pictures, named by their id

The first mask of a picture is that of its first label, and so on. What a model says comes as recorded answers: JSON with
`phrases` and `masks`, and `likeness` if it was worked out (`Recorded`). The words are GLaMM's (mbzuai-oryx/groundingLMM
`eval/gcg/infer.py`). Captions are scored by no metric here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.coco_file import read_coco
from omma.evaluate.layouts import find_pictures
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.masks.gcg import Gcg
from omma.metrics.metric import Metric

DESCRIBE = (
    "Could you please give me a detailed description of the image? Please respond with interleaved segmentation masks for the "
    "corresponding parts of the answer."
)


@config
class GcgQuestions(Published):
    """One question a picture, the same for all. `split` names the two files."""

    about: ClassVar[str] = "a description whose phrases are grounded in masks"
    abilities: ClassVar[tuple[str, ...]] = ("grounding", "captioning")
    layout: ClassVar[str] = "a folder with val_gcg_coco_caption_gt.json and val_gcg_coco_mask_gt.json"

    path: str = "GranDf/annotations/val_test"
    split: str = "val"
    pictures: tuple[str, ...] = ("GranDf_HA_images/val_test",)
    prompt: Prompt = Prompt()
    sampling: Sampling = Sampling(max_tokens=512)
    metrics: tuple[Metric, ...] = (Gcg(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → a question a picture, in the order of the captions."""
        names = [f"{self.split}_gcg_coco_{what}_gt.json" for what in ("caption", "mask")]
        for name in names:
            if not (file / name).is_file():
                raise DataError(f"{uri}/{name}", "no such file", self.layout, "take the files as they are published")
        captions, masks = (read_coco(file / name, f"{uri}/{name}") for name in names)
        photos = find_pictures(file, uri, self.pictures)
        for picture in captions.pictures:
            where = f"{captions.uri}: picture {picture}"
            said = captions.notes_of[picture]
            if not said:
                raise DataError(where, "no caption", "one, with its labels")
            outlines = [need(note, "segmentation", f"{masks.uri}: picture {picture}") for note in masks.notes_of.get(picture, ())]
            sample = asking(str(picture), self.prompt.words(DESCRIBE), [f"{photos}{picture}.jpg"], task="gcg")
            yield Question(sample, {"labels": list(need(said[0], "labels", where)), "masks": outlines}, {})

"""gRefCOCO: segment all that an expression refers to: one object, several, or none (arXiv 2306.00968).

    refer/grefcoco/grefs(unc).json    split, image_id, ann_id (a list; [-1]: nothing), sentences
    refer/grefcoco/instances.json     COCO's layout
    refer/train2014/….jpg             COCO's pictures, here or in a folder above

The gold is the union of the masks of all objects; crowds and outlines of fewer than three corners are left out, as in
henghuiding/ReLA `gres_model/data/datasets/grefcoco.py`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.coco_file import CocoFile, Note, read_coco
from omma.evaluate.layouts import find_pictures
from omma.evaluate.pictured import Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.referred import PHOTOS, in_split
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.detection.annotations import read_mask
from omma.metrics.masks.grefcoco import GRefCoco
from omma.metrics.masks.rle import to_text, union
from omma.metrics.metric import Metric

REFS, NOTHING = "grefs(unc).json", -1


@config
class GRefCocoQuestions(Pictured):
    """Masks: recorded ones, as a rule. A reply is JSON: a mask, or `{"no_target": true}`. Missing splits are left out."""

    about: ClassVar[str] = "the mask of all that an expression refers to, or of nothing"
    abilities: ClassVar[tuple[str, ...]] = ("grounding", "hallucination")
    layout: ClassVar[str] = f"a folder with {REFS} and instances.json"

    name: str = "grefcoco"
    path: str = "refer/grefcoco"
    splits: tuple[str, ...] = ("val", "testA", "testB")
    prompt: Prompt = Prompt(before="Please segment what this sentence describes: ", after=".")
    sampling: Sampling = Sampling(max_tokens=2048)
    metrics: tuple[Metric, ...] = (GRefCoco(),)
    subsets: tuple[str, ...] = ("split",)
    trivial: tuple[str, ...] = ('{"no_target": true, "mask": null}',)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the expressions of its splits, split by split."""
        for name in (REFS, "instances.json"):
            if not (file / name).is_file():
                raise DataError(f"{uri}/{name}", "no such file", self.layout, "take the files as they are published")
        rows, truth = read_rows(file / REFS, f"{uri}/{REFS}"), read_coco(file / "instances.json", f"{uri}/instances.json")
        photos = find_pictures(file, uri, PHOTOS)
        for split in self.splits:
            for number, row in enumerate(rows):
                where = f"{uri}/{REFS}:{number}"
                if in_split(str(need(row, "split", where)), split):
                    yield from self._expressions(row, split, truth, photos, where)

    def _expressions(self, row: dict[str, Any], split: str, truth: CocoFile, photos: str, where: str) -> Iterator[Question]:
        picture, ids = need(row, "image_id", where), need(row, "ann_id", where)
        ids = ids if isinstance(ids, list) else [ids]
        unknown = [one for one in ids if one != NOTHING and one not in truth.notes]
        if picture not in truth.pictures or unknown:
            raise DataError(where, f"picture {picture}, annotations {ids}", f"those of {truth.uri}")
        width, height = truth.size(picture)
        gold = _together([truth.notes[one] for one in ids if one != NOTHING], height, width)
        file = photos + str(need(truth.pictures[picture], "file_name", truth.uri))
        facts = {"width": width, "height": height, "split": split}
        for place, sentence in enumerate(need(row, "sentences", where)):
            name = f"{split}:{need(row, 'ref_id', where)}:{place}"
            words = self.prompt.words(str(need(sentence, "sent", where)))
            yield Question(asking(name, words, [file], task=split), gold, facts)


def _together(notes: Sequence[Note], height: int, width: int) -> dict[str, Any] | None:
    """Annotations of a picture → the run lengths of their union; None if there are none."""
    masks = []
    for note in notes:
        outline = note.get("segmentation")
        if note.get("iscrowd"):
            continue
        if isinstance(outline, list):
            outline = [polygon for polygon in outline if len(polygon) % 2 == 0 and len(polygon) >= 6]
        if outline:
            masks.append(read_mask(outline, (height, width)))
    return {"size": [height, width], "counts": to_text(union(masks))} if masks else None

"""ARO: does a model mind who does what to whom, what has which property, in which order words stand? (arXiv 2210.01936)

    visual_genome_relation.json       rows with image_path, bbox_x, bbox_y, bbox_w, bbox_h, true_caption, false_caption,
                                      relation_name
    visual_genome_attribution.json    the same with attributes (two words)
    images/…                          the pictures, beside them (or vgr_vga_images.zip); the box alone is shown
    coco_order.parquet, …             rows with images, correct_caption, hard_text_1 to hard_text_4; also .jsonl, with image

The authors' program shuffles the captions of COCO-Order and Flickr30k-Order anew in every run, with a tagger that changes
with its version: take captions that someone has shuffled and kept. The hub's republications (gowitheflow/ARO-COCO-order,
ARO-Flickr-Order, ARO-Visual-Relation, ARO-Visual-Attribution; columns as MTEB reads them) are read as they are; their
pictures of the first two kinds are cut already.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import Compared
from omma.evaluate.layouts import find_pictures
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.media.window import MARK
from omma.metrics.metric import Metric
from omma.metrics.pairs.aro import AroOrder, AroRelation, StrictAroOrder
from omma.schema.verdict import Record

BOX = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")
PICTURES = ("images", "vgr_vga_images.zip#images")
NEGATIVES = tuple(f"hard_text_{number}" for number in range(1, 5))


@config
class AroPairs(Published):
    """VG-Relation and VG-Attribution: a picture with a false and a true caption. `words` ask a model that writes."""

    about: ClassVar[str] = "two captions that differ in who does what, or has which property"
    abilities: ClassVar[tuple[str, ...]] = ("compositionality", "relations", "attributes")
    layout: ClassVar[str] = "visual_genome_relation.json or visual_genome_attribution.json, and a folder images"

    words: str = ""
    asking: Asking = Compared()
    metrics: tuple[Metric, ...] = (AroRelation(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Table → one question a row: [false caption, true caption]."""
        places = find_pictures(file, uri, PICTURES)
        for number, row in enumerate(read_rows(file, uri)):
            where = f"{uri}:{number}"
            captions = tuple(str(need(row, name, where)) for name in ("false_caption", "true_caption"))
            sample = asking(str(number), self.words, [self._picture(row, places, uri, where)])
            yield Question(sample, captions[1], _group(row), captions)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for every caption."""
        return ("[0.0, 0.0]",)

    def _picture(self, row: dict[str, Any], places: str, uri: str, where: str) -> str:
        if "image_path" not in row:
            shown = need(row, "image", where)
            return shown[0] if isinstance(shown, tuple) else self.beside(uri, str(shown))
        box = [need(row, side, where) for side in BOX]
        if not all(isinstance(side, int | float) for side in box):
            raise DataError(where, f"a box of {box}", "four numbers in px")
        return f"{places}{row['image_path']}{MARK}{','.join(str(int(side)) for side in box)}"


@config
class AroOrders(Published):
    """COCO-Order and Flickr30k-Order: a picture with its caption and four shuffles of it."""

    about: ClassVar[str] = "a caption among four shuffles of its words"
    abilities: ClassVar[tuple[str, ...]] = ("compositionality", "word order")
    layout: ClassVar[str] = "rows with image, correct_caption and hard_text_1 to hard_text_4 (.parquet or .jsonl)"

    words: str = ""
    asking: Asking = Compared()
    metrics: tuple[Metric, ...] = (AroOrder(), StrictAroOrder())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Table → one question a row: [caption, shuffle, shuffle, shuffle, shuffle]."""
        for number, row in enumerate(read_rows(file, uri, ("image", "images"))):
            where = f"{uri}:{number}"
            if "correct_caption" not in row:
                fix = "Karpathy's files have no shuffled captions: take the hub's ARO-COCO-order or ARO-Flickr-Order"
                raise DataError(where, f"no correct_caption among {', '.join(row)}", self.layout, fix)
            shown = need(row, "images" if "images" in row else "image", where)
            picture = shown[0] if isinstance(shown, tuple) else self.beside(uri, str(shown))
            captions = tuple(str(need(row, name, where)) for name in ("correct_caption", *NEGATIVES))
            yield Question(asking(str(number), self.words, [picture]), captions[0], {}, captions)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for every caption, which the official rule takes for right."""
        return ("[0.0, 0.0, 0.0, 0.0, 0.0]",)


def _group(row: dict[str, Any]) -> dict[str, str]:
    """Row → what it is about, where it says so: the hub's republication does not."""
    both = row.get("attributes")
    attribute = "_".join(map(str, both)) if isinstance(both, list) else ""
    return {"relation": str(row.get("relation_name", "")), "attribute": attribute}

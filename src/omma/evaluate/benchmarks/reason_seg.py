"""ReasonSeg: segment what takes reasoning to find; short phrases and long sentences (arXiv 2308.00692).

    ReasonSeg/val/1006….jpg     ReasonSeg/test/….jpg
    ReasonSeg/val/1006….json    text (the first is asked), is_sentence, shapes (label, points: a polygon in px)

Shapes are drawn from the largest to the smallest as OpenCV fills them, a later one over an earlier; those labelled "ignore…"
count for neither side, those labelled "flag" are none. Words and order are those of dvlab-research/LISA (`utils/dataset.py`,
`utils/data_processing.py`).
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.pictured import OUTLINES, Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.masks.filled import filled_polygon
from omma.metrics.masks.referring import ReasonSeg
from omma.metrics.masks.rle import encode, to_text
from omma.metrics.metric import Metric

FLAG, IGNORED = "flag", "ignore"


@config
class ReasonSegQuestions(Pictured):
    """Masks. `sentence` is asked where the text is a sentence, `phrase` where it is a phrase; scores are read for each, too.

    A picture that cannot be read has a gold without pixels; its row is wrong.
    """

    about: ClassVar[str] = "the mask of what takes reasoning to find"
    abilities: ClassVar[tuple[str, ...]] = ("grounding", "reasoning")
    layout: ClassVar[str] = "a folder of ReasonSeg, such as val, with a .json beside each .jpg"

    sentence: Prompt = Prompt(after=" Please output segmentation mask.")
    phrase: Prompt = Prompt(before="What is ", after=" in this image? Please output segmentation mask.")
    sampling: Sampling = Sampling(max_tokens=2048)
    metrics: tuple[Metric, ...] = (ReasonSeg(),)
    subsets: tuple[str, ...] = ("text",)
    trivial: tuple[str, ...] = OUTLINES

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → a question a picture, by name."""
        pictures = sorted(file.glob("*.jpg")) if file.is_dir() else []
        if not pictures:
            raise DataError(uri, "no .jpg in it", self.layout, "take the folder as it is published")
        for picture in pictures:
            where = f"{uri}/{picture.stem}.json"
            row = _read(picture.with_suffix(".json"), where)
            texts = need(row, "text", where)
            if not isinstance(texts, list) or not texts:
                raise DataError(where, f"text {str(texts)[:60]}", "a list of texts")
            long = bool(need(row, "is_sentence", where))
            words = (self.sentence if long else self.phrase).words(str(texts[0]).strip())
            sample = asking(picture.stem, words, [f"{uri}/{picture.name}"], task="segmentation")
            yield Question(sample, _shapes(row, where), {"text": "sentence" if long else "phrase"})

    def sized(self, question: Question, width: int, height: int) -> Question:
        """Question whose gold are shapes + the size of its picture → the same with masks as gold and as fact `ignored`."""
        sized = super().sized(question, width, height)
        if not width or not height:
            return replace(sized, gold=None)
        gold, ignored = _drawn(question.gold, height, width)
        return replace(sized, gold=gold, facts=sized.facts | ({"ignored": ignored} if ignored else {}))


def _read(file: Path, where: str) -> dict[str, Any]:
    """JSON in UTF-8, or in cp1252 as some of them are."""
    try:
        data = file.read_bytes()
    except OSError:
        raise DataError(where, "no such file", "a .json beside each .jpg") from None
    for encoding in ("utf-8", "cp1252"):
        try:
            row = json.loads(data.decode(encoding))
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            return row
    raise DataError(where, "no JSON object", "text, is_sentence and shapes")


def _shapes(row: dict[str, Any], where: str) -> list[dict[str, Any]]:
    shapes = need(row, "shapes", where)
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(where, "shapes that are no list of objects", "polygons with their labels")
    found = [{"label": str(need(one, "label", where)).lower(), "points": need(one, "points", where)} for one in shapes]
    return [one for one in found if one["label"] != FLAG]


def _drawn(shapes: list[dict[str, Any]], height: int, width: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Shapes + size → run lengths of the target, and of what is ignored if anything is."""
    masks = [filled_polygon(shape["points"], height, width) for shape in shapes]
    target, ignored = np.zeros((2, height, width), bool)
    for place in np.argsort([int(mask.sum()) for mask in masks], kind="stable")[::-1]:
        inside = IGNORED in shapes[place]["label"]
        ignored = np.where(masks[place], inside, ignored)
        target = np.where(masks[place], not inside, target)
    return _runs(target), _runs(ignored) if ignored.any() else None


def _runs(mask: np.ndarray) -> dict[str, Any]:
    rle = encode(mask)
    return {"size": [rle.height, rle.width], "counts": to_text(rle)}

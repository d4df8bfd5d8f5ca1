"""CHAIR: which objects does a model see in a picture that are not there? (arXiv 1809.02156)

    annotations/instances_val2014.json, captions_val2014.json    COCO's
    annotations/synonyms.txt                                     words for its 80 kinds: LisaAnne/Hallucination, data/
    val2014/…                                                    the pictures, beside the folder, or val2014.zip

What is there is what has a mask or is named in a reference caption. The words that ask are lmms-eval's (coco_cap_chair);
papers take 500 pictures, each its own: here they are drawn by `seed`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.captioned import place_pictures, read_captioned
from omma.evaluate.layouts import read_listed
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.captions.chair import ChairOfRows, Vocabulary, objects, vocabulary
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

INSTANCES, CAPTIONS, SYNONYMS = "instances_val2014.json", "captions_val2014.json", "synonyms.txt"


@config
class ChairQuestions(Published):
    """`limit` is 500, as the field has it. Every record holds the table of words, 4 KB."""

    about: ClassVar[str] = "objects in a description that are not in the picture"
    abilities: ClassVar[tuple[str, ...]] = ("hallucination", "captioning")
    layout: ClassVar[str] = "a folder annotations with instances_val2014.json, captions_val2014.json and synonyms.txt"

    name: str = "chair"
    path: str = "annotations"
    pictures: str = "val2014"
    limit: int = 500
    prompt: Prompt = Prompt(before="Please describe this image in detail.", question="")
    sampling: Sampling = Sampling(max_tokens=512)
    metrics: tuple[Metric, ...] = (ChairOfRows(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → one question a picture that has captions."""
        table = file / SYNONYMS
        if not table.is_file():
            fix = "take data/synonyms.txt of LisaAnne/Hallucination"
            raise DataError(f"{uri}/{SYNONYMS}", "no such file", "one kind of object per line, with other words for it", fix)
        lines = read_text(table)
        known = vocabulary(lines.splitlines())
        there = _with_masks(file / INSTANCES, f"{uri}/{INSTANCES}", known)
        captions = file / CAPTIONS, f"{uri}/{CAPTIONS}"
        shown = read_captioned(*captions)
        for one, picture in zip(shown, place_pictures(shown, *captions, self.pictures), strict=True):
            named = {kind for text in one.captions for kind in objects(text, known)}
            gold = sorted(named | there.get(one.id, set()))
            yield Question(asking(one.id, self.prompt.words(""), [picture], task="caption"), gold, {"synonyms": lines})

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Who names nothing hallucinates nothing: no guess tells anything."""
        return ()


def _with_masks(file: Path, uri: str, known: Vocabulary) -> dict[str, set[str]]:
    """COCO's instances → the kinds of objects of each picture, under the names that the table of words gives them."""
    if not file.is_file():
        raise DataError(uri, "no such file", "COCO's instances")
    notes, rest = read_listed(file, uri, "annotations")
    kinds = {row.get("id"): str(row.get("name", "")) for row in _rows(rest.get("categories"), uri)}
    found: dict[str, set[str]] = {}
    for number, note in enumerate(notes):
        where = f"{uri}:annotations/{number}"
        name = kinds.get(need(note, "category_id", where), "")
        found.setdefault(str(need(note, "image_id", where)), set()).add(known.kind.get(name, name))
    return found


def _rows(value: Any, uri: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DataError(uri, "no list of categories", "the published file")
    return value

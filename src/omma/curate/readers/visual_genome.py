"""Visual Genome: one of its JSON arrays (region_descriptions, objects, relationships, question_answers) → samples.

A described region, a relationship and a question are a sample each, the objects of a picture one together. Pictures lie as
`VG_100K/ID.jpg` or `VG_100K_2/ID.jpg`; image_data.json, where it lies beside the file, says in which.
Layout: the data's own documentation (visualgenome.org, versions 1.0 to 1.4).
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.formats.fields import mapping
from omma.curate.formats.listing import Listing
from omma.curate.formats.locating import asked, box_xywh, located
from omma.curate.formats.rows import Row, json_array
from omma.curate.formats.sniff import array_objects
from omma.curate.reader import Broken, Names, Reader, attempt, parent
from omma.schema.sample import Answer, Media, Part, Region, Sample, Turn

FOLDERS = ("VG_100K", "VG_100K_2", ".")
IMAGES = "image_data.json"
DESCRIBE = "Describe this region: "
RELATE = " How does the first relate to the second?"


@config
class VisualGenome(Reader):
    """`path` is one of the arrays; which one is told by what its items hold. `pictures` is the folder above VG_100K."""

    path: str = "region_descriptions.json"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """Samples picture by picture, in the order of the file."""
        file = self.place(root)
        names, folder = Names(), parent(file, root)
        known = _addresses(inside(root, f"{folder}/{IMAGES}"))

        def place(number: int) -> str:
            tries = [known[number]] if number in known else [f"{inner}/{number}.jpg" for inner in FOLDERS]
            uris = [self.picture(name, folder) for name in tries]
            return next((uri for uri in uris if (root / uri).is_file()), uris[0])

        for row in json_array(file):
            if isinstance(row, Broken):
                yield row
                continue
            try:
                kind = next((name for name in KINDS if name in mapping(row.fields)), "")
                if not kind:
                    raise DataError("row", f"fields {', '.join(list(row.fields)[:8]) or 'none'}", f"one of {', '.join(KINDS)}")
            except DataError as error:
                yield Broken(row.where, f"{error.where}: {error.got}; expected {error.expected}")
                continue
            yield from self._picture(row, kind, place, names)

    def files(self, root: Path) -> tuple[Path, ...]:
        """The array, the addresses of pictures, and the folders where pictures may lie."""
        file = self.place(root)
        home = file.parent / self.pictures
        return tuple(place for place in (file, file.parent / IMAGES, *(home / name for name in FOLDERS)) if place.exists())

    def _picture(self, row: Row, kind: str, place: Callable[[int], str], names: Names) -> Iterator[Sample | Broken]:
        """One item of the array → its samples; each that is none is told on its own."""
        items = row.fields[kind]
        if not isinstance(items, list):
            yield Broken(row.where, f"{kind}: {type(items).__name__}; expected a list")
            return
        groups = [items] if kind == "objects" else [[item] for item in items]
        for number, group in enumerate(groups):
            where = row.where if kind == "objects" else f"{row.where}.{kind}.{number}"
            yield attempt(partial(self._sample, row.fields, group, kind, place, names), where)

    def _sample(self, fields: dict[str, Any], group: list[Any], kind: str, place: Callable[[int], str], names: Names) -> Sample:
        item = group[0] if len(group) == 1 and isinstance(group[0], dict) else {}
        number = next((source[name] for source in (item, fields) for name in ("image_id", "id") if name in source), None)
        if not isinstance(number, int):
            raise DataError("image_id", repr(number)[:40], "the number of a picture")
        task, build = KINDS[kind]
        turns, regions, answer = build([mapping(one) for one in group])
        uri = place(number)
        return Sample(names.next(uri), "", self.task or task, (Media(uri),), turns, regions=regions, answer=answer)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Arrays whose objects list regions, objects, relationships or questions of a numbered picture."""
        for name in listing.ending(".json"):
            head = listing.head(name, 1 << 20)
            rows = array_objects(head)
            if any(isinstance(row.get(kind), list) and ("image_id" in row or "id" in row) for row in rows for kind in KINDS) and (
                any(mark in head for mark in (b'"phrase"', b'"predicate"', b'"qa_id"', b'"synsets"'))
            ):
                yield cls(path=name)


Built = tuple[tuple[Turn, ...], tuple[Region, ...], Answer | None]


def _described(items: list[dict[str, Any]]) -> Built:
    region, phrase = _region(items[0]), _words(items[0], "phrase")
    turns = asked(DESCRIBE, (Part("text", phrase),))
    return (Turn("user", (*turns[0].parts, Part("region", index=0))), turns[1]), (region,), Answer((phrase,))


def _objects(items: list[dict[str, Any]]) -> Built:
    regions = tuple(_region(item) for item in items)
    return located(regions), regions, None


def _related(items: list[dict[str, Any]]) -> Built:
    predicate = _words(items[0], "predicate")
    first, second = (_region(mapping(items[0].get(side))) for side in ("subject", "object"))
    parts = (Part("image", index=0), Part("region", index=0), Part("text", " "), Part("region", index=1), Part("text", RELATE))
    turns = Turn("user", parts), Turn("assistant", (Part("text", predicate),))
    return turns, (first, second), Answer((predicate,))


def _questioned(items: list[dict[str, Any]]) -> Built:
    answer = _words(items[0], "answer")
    return asked(_words(items[0], "question"), (Part("text", answer),)), (), Answer((answer,))


KINDS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], Built]]] = {
    "regions": ("region caption", _described),
    "objects": ("detection", _objects),
    "relationships": ("relation", _related),
    "qas": ("vqa", _questioned),
}


def _region(fields: dict[str, Any]) -> Region:
    """x, y and w, h (or width, height) with a name, or the first of several."""
    size = [fields.get(short, fields.get(long)) for short, long in (("w", "width"), ("h", "height"))]
    box = box_xywh([fields.get("x"), fields.get("y"), *size], "box")
    named = fields.get("names", fields.get("name", fields.get("phrase", "")))
    label = named[0] if isinstance(named, list) and named else named
    return Region(0, box, "xywh", label=label if isinstance(label, str) else "")


def _words(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(name, repr(value)[:40], "text")
    return value.strip()


def _addresses(file: Path) -> dict[int, str]:
    """image_data.json → folder and name of each picture by its number; nothing where there is none."""
    if not file.is_file():
        return {}
    rows = (row.fields for row in json_array(file) if isinstance(row, Row) and isinstance(row.fields, dict))
    told = ((row.get("image_id", row.get("id")), row.get("url")) for row in rows)
    return {number: "/".join(url.rsplit("/", 2)[-2:]) for number, url in told if isinstance(number, int) and isinstance(url, str)}

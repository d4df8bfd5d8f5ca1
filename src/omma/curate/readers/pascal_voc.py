"""Pascal VOC: a folder of XML files, one a picture, with named boxes (also as labelImg and Roboflow write them) → samples.

Boxes count pixels from 1 with both ends inside; here they count from 0 and the far end is outside. Parts of objects
(heads, hands) are regions behind them. What else an object says (pose, difficult, actions) is JSON text in
`meta["objects"]` by the number of its region. Source: the VOC2012 development kit, `VOCcode/PASreadrecord.m`.
"""

import json
import posixpath
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self
from xml.etree.ElementTree import Element

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.listing import Listing
from omma.curate.formats.locating import located
from omma.curate.formats.plain_xml import plain_xml
from omma.curate.formats.sniff import beside
from omma.curate.reader import Broken, Names, Reader, attempt, below, closed
from omma.schema.sample import Media, Region, Sample

SIDES = ("xmin", "ymin", "xmax", "ymax")


@config
class PascalVoc(Reader):
    """`path` is the folder of XML files, or one of them; `first` the number of the first pixel (0 for tools that count so)."""

    task: str = "detection"
    first: int = 1

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a file, by name."""
        names = Names()
        for file in self._annotations(root):
            yield closed(file, root) or attempt(partial(self._sample, file, root, names), below(file, root))

    def files(self, root: Path) -> tuple[Path, ...]:
        """The annotations."""
        return tuple(self._annotations(root))

    def _annotations(self, root: Path) -> list[Path]:
        """Those of the folder itself; folders in it hold other sets."""
        home = root / posixpath.normpath(self.path)
        return [file for file in self.shards(root, ".xml") if file == home or (file.parent == home and not file.is_dir())]

    def _sample(self, file: Path, root: Path, names: Names) -> Sample:
        try:
            tree = plain_xml(file.read_bytes(), file.name)
        except OSError as error:
            raise DataError(file.name, f"cannot be read: {error.strerror}", "an XML file") from None
        if tree.tag != "annotation":
            raise DataError(file.name, f"a root <{tree.tag[:40]}>", "<annotation>")
        picture = _text(tree, "filename") or file.stem + ".jpg"
        uri = self.picture(picture, posixpath.dirname(below(file, root)) or ".")
        regions, said = self._objects(tree)
        meta: dict[str, str | int | float | bool] = {"objects": json.dumps(said)} if said else {}
        return Sample(names.next(uri), "", self.task, (Media(uri),), located(regions), regions=regions, meta=meta)

    def _objects(self, tree: Element) -> tuple[tuple[Region, ...], dict[str, Any]]:
        """Annotation → regions, and what objects say beside their name and box."""
        regions: list[Region] = []
        said: dict[str, Any] = {}
        for number, item in enumerate(tree.findall("object")):
            rest = _rest(item)
            if rest:
                said[str(len(regions))] = rest
            regions.append(self._region(item, f"object.{number}"))
            regions += [self._region(part, f"object.{number}.part") for part in item.findall("part")]
        return tuple(regions), said

    def _region(self, item: Element, where: str) -> Region:
        bounds = item.find("bndbox")
        if bounds is None:
            raise DataError(where, "no <bndbox>", "a box: xmin, ymin, xmax, ymax")
        try:
            left, top, right, bottom = (float(_text(bounds, side)) for side in SIDES)
        except ValueError:
            raise DataError(where, " ".join(_text(bounds, side) or "-" for side in SIDES)[:60], "four numbers") from None
        if not (-1e9 < left <= right < 1e9 and -1e9 < top <= bottom < 1e9):
            raise DataError(where, f"a box {left:g} {top:g} {right:g} {bottom:g}", "xmin ≤ xmax and ymin ≤ ymax")
        box = (left - self.first, top - self.first, right, bottom)
        return Region(0, box, label=_text(item, "name"))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Folders with XML files that begin as annotations of a picture."""
        folders: dict[str, list[str]] = {}
        for name in listing.ending(".xml"):
            head = listing.head(name, 4096)
            if b"<annotation" in head and (b"<filename" in head or b"<object" in head) and b"<polygon" not in head:
                folders.setdefault(PurePosixPath(name).parent.as_posix(), []).append(name)
        for folder, names in folders.items():
            pictures = beside(listing, names[0], [picture for name in names[:50] if (picture := _named(listing, name))])
            yield cls(path=folder, pictures=pictures)


def _named(listing: Listing, name: str) -> str:
    """XML file → the picture that it names."""
    try:
        return _text(plain_xml(listing.head(name, 1 << 20), name), "filename")
    except DataError:
        return ""


def _text(item: Element, name: str) -> str:
    return (item.findtext(name) or "").strip()


def _rest(item: Element) -> dict[str, Any]:
    """Object → its other fields that say something."""
    rest: dict[str, Any] = {}
    for child in item:
        if child.tag in ("name", "bndbox", "part"):
            continue
        inner = {leaf.tag: (leaf.text or "").strip() for leaf in child}
        text = (child.text or "").strip()
        if inner or text:
            rest[child.tag] = inner or text
    return rest

"""refer: RefCOCO, RefCOCO+ and RefCOCOg as published, `refs(...).p` (a pickle) beside instances.json → samples.

A sample an expression: where is it? The pickle is read as plain data: whatever names code in it is refused.
Layout: lichengunc/refer `refer.py`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.core.plain_pickle import read_pickle
from omma.curate.formats.fields import mapping, name_of
from omma.curate.formats.listing import Listing
from omma.curate.formats.locating import asked, box_xywh
from omma.curate.formats.rows import json_object
from omma.curate.formats.sniff import beside
from omma.curate.reader import Broken, Names, Reader, attempt, parent
from omma.schema.sample import Answer, Media, Part, Region, Sample

INSTANCES = "instances.json"
WHERE = "Where is this: "


@config
class Refer(Reader):
    """`path` is the pickle of expressions; only those of `splits` are read, so that no score is learnt by heart."""

    path: str = "refs(unc).p"
    splits: tuple[str, ...] = ("train",)
    task: str = "refer"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a sentence, in the order of the file."""
        file = self.place(root)
        folder, names = parent(file, root), Names()
        refs = read_pickle(file, file.name)
        if not isinstance(refs, list):
            raise DataError(file.name, f"a pickled {type(refs).__name__}", "the list of expressions that refer publishes")
        told = (
            json_object(inside(root, (PurePosixPath(folder) / INSTANCES).as_posix())) if (file.parent / INSTANCES).exists() else {}
        )
        pictures, objects, kinds = (_by_id(told.get(name)) for name in ("images", "annotations", "categories"))
        if not pictures or not objects:
            raise DataError(self.path, f"no {INSTANCES} with images and annotations beside it", "the boxes of what is referred to")
        for number, ref in enumerate(refs):
            where = f"{file.name}:{number}"
            if isinstance(ref, dict) and isinstance(ref.get("sentences"), list):
                if ref.get("split") in self.splits:
                    for place, sentence in enumerate(ref["sentences"]):
                        build = partial(self._sample, ref, sentence, pictures, objects, kinds, folder, names)
                        yield attempt(build, f"{where}.{place}")
            else:
                yield Broken(where, "no object with sentences")

    def files(self, root: Path) -> tuple[Path, ...]:
        """The expressions and what they refer to."""
        file = self.place(root)
        return file, file.parent / INSTANCES

    def _sample(
        self,
        ref: dict[str, Any],
        sentence: Any,
        pictures: dict[Any, Any],
        objects: dict[Any, Any],
        kinds: dict[Any, Any],
        folder: str,
        names: Names,
    ) -> Sample:
        said = mapping(sentence).get("sent", sentence.get("raw"))
        if not isinstance(said, str) or not said.strip():
            raise DataError("sent", repr(said)[:40], "an expression")
        thing, picture = objects.get(_key(ref.get("ann_id"))), pictures.get(_key(ref.get("image_id")))
        if thing is None or picture is None:
            got = f"annotation {ref.get('ann_id')!r} of image {ref.get('image_id')!r}"[:80]
            raise DataError("ref", got, f"ones that {INSTANCES} holds")
        kind = kinds.get(_key(thing.get("category_id")), {})
        uri = self.picture(name_of(picture, "file_name"), folder)
        return referred(
            names.next(uri),
            self.task,
            uri,
            said.strip(),
            Region(0, box_xywh(thing.get("bbox"), "bbox"), "xywh", label=str(kind.get("name", ""))),
        )

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Pickles called refs(...).p with instances.json beside."""
        for name in listing.ending(".p"):
            beside_it = (PurePosixPath(name).parent / INSTANCES).as_posix()
            if PurePosixPath(name).name.startswith("refs") and beside_it in listing.files:
                yield cls(path=name, pictures=beside(listing, name, _names(listing.root / beside_it)))


def referred(id: str, task: str, uri: str, said: str, region: Region) -> Sample:
    """Expression + the region that it means → the sample that asks where it is."""
    turns = asked(WHERE + said, (Part("region", index=0),))
    return Sample(id, "", task, (Media(uri),), turns, regions=(region,), answer=Answer((), region))


def _names(file: Path) -> list[str]:
    try:
        images = json_object(file).get("images")
    except (DataError, OSError):
        return []
    return (
        [item["file_name"] for item in images[:50] if isinstance(item, dict) and "file_name" in item]
        if isinstance(images, list)
        else []
    )


def _by_id(items: Any) -> dict[Any, dict[str, Any]]:
    named = (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))
    return {item["id"]: item for item in named if isinstance(item.get("id"), (int, str))}


def _key(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else None

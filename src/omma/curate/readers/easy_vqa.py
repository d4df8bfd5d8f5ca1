"""easy-VQA: a folder with `questions.json` ([question, answer, picture number] triples) and `images/NUMBER.png` → samples.

One sample a question; its task is the kind of answer asked for: `shape`, `color` or `yesno`.
"""

import posixpath
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.formats.listing import Listing
from omma.curate.formats.rows import json_array
from omma.curate.formats.sniff import array_values
from omma.curate.reader import Broken, Names, Reader, attempt, below, parent
from omma.schema.sample import Answer, Media, Part, Sample, Turn

FILE = "questions.json"
SHAPES = frozenset(("circle", "rectangle", "triangle"))


@config
class EasyVqa(Reader):
    """`path` is the folder that holds questions.json; `pictures` the folder of pictures in it."""

    pictures: str = "images"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a question, in the order of the file."""
        file = inside(root, posixpath.join(below(self.place(root), root.resolve()), FILE))
        if not file.is_file():
            raise DataError(self.path, f"no {FILE} in it", "an easy-VQA folder: questions.json and images/")
        folder, names = parent(file, root), Names()
        for row in json_array(file):
            if isinstance(row, Broken):
                yield row
            else:
                yield attempt(partial(self._sample, row.fields, folder, names), row.where)

    def files(self, root: Path) -> tuple[Path, ...]:
        """The questions."""
        return (self.place(root) / FILE,)

    def _sample(self, triple: Any, folder: str, names: Names) -> Sample:
        if not _is_triple(triple):
            raise DataError("row", repr(triple)[:60], "[question, answer, picture number]")
        question, answer, number = triple
        uri = self.picture(f"{number}.png", folder)
        asked = Turn("user", (Part("image", index=0), Part("text", question)))
        told = Turn("assistant", (Part("text", answer),))
        task = self.task or kind_of(question, answer)
        return Sample(names.next(uri), "", task, (Media(uri),), (asked, told), answer=Answer((answer,)))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Folders whose questions.json begins with triples."""
        for name in listing.ending(".json"):
            rows = array_values(listing.head(name)) if Path(name).name == FILE else []
            if rows and all(_is_triple(row) for row in rows):
                yield cls(path=Path(name).parent.as_posix())


def kind_of(question: str, answer: str) -> str:
    """Question and its answer → task."""
    if answer in ("yes", "no"):
        return "yesno"
    return "shape" if answer in SHAPES and "color" not in question else "color"


def _is_triple(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], str)
        and isinstance(value[1], str)
        and isinstance(value[2], int)
    )

"""refcoco.jsonl: {"image": name, "sent": expression, "bbox": [x1, y1, x2, y2]} a line, as trainers have it → samples."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.fields import mapping, name_of, regions_of
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.rows import json_lines
from omma.curate.formats.sniff import beside, first_objects, picture_field
from omma.curate.reader import Broken, Names, attempt, parent
from omma.curate.readers.refer import referred
from omma.schema.sample import Sample

SAID = ("sent", "sentence", "expression", "ref", "referring_expression", "phrase", "text")


@config
class RefcocoJsonl(FileReader):
    """`image` is the field that names the picture, `order` how the box's numbers are meant, `frame` in what unit."""

    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    path: str = "refcoco.jsonl"
    task: str = "refer"
    image: str = "image"
    order: str = "xyxy"
    frame: str = "px"

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample an expression; a field with several texts gives several."""
        folder, names = parent(file, root), Names()
        for row in json_lines(file):
            if isinstance(row, Broken):
                yield row
                continue
            field = next((name for name in SAID if isinstance(row.fields, dict) and name in row.fields), "")
            said = row.fields[field] if field else None
            for number, text in enumerate(said if isinstance(said, list) else [said]):
                yield attempt(partial(self._sample, row.fields, text, folder, names), f"{row.where}.{number}")

    def _sample(self, value: Any, text: Any, folder: str, names: Names) -> Sample:
        fields = mapping(value)
        if not isinstance(text, str) or not text.strip():
            raise DataError("row", f"fields {', '.join(list(fields)[:8]) or 'none'}", f"an expression in one of {', '.join(SAID)}")
        box = {"box": fields.get("bbox", fields.get("box")), "order": self.order, "frame": self.frame}
        uri = self.picture(name_of(fields, self.image), folder)
        return referred(names.next(uri), self.task, uri, text.strip(), regions_of([box], 1)[0])

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON Lines whose objects name a picture, an expression and one box."""
        for name in listing.ending(".jsonl", ".ndjson", ".json"):
            rows = first_objects(listing.head(name))
            image = picture_field(rows)
            fits = [row for row in rows if _box(row.get("bbox", row.get("box"))) and any(field in row for field in SAID)]
            if image and fits and 2 * len(fits) >= len(rows):
                yield cls(
                    path=name, pictures=beside(listing, name, [str(row[image]) for row in rows if row.get(image)]), image=image
                )


def _box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4

"""CSV or TSV with a header: one column names the picture, another holds its caption → samples."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.fields import name_of
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.rows import csv_rows
from omma.curate.formats.sniff import beside, caption_field, first_records, picture_field, present
from omma.curate.reader import Broken, Names, attempt, parent
from omma.schema.sample import Caption, Media, Sample


@config
class Csv(FileReader):
    """`image` and `caption` are column names. Rows of the same picture stay samples of their own.

    `suffix` is added to picture names, for tables that list them without their endings.
    """

    endings: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    path: str = "captions.csv"
    task: str = "caption"
    image: str = "image"
    caption: str = "caption"
    suffix: str = ""

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample a row; an empty cell is a sample without caption."""
        folder, names = parent(file, root), Names()
        for row in csv_rows(file):
            if isinstance(row, Broken):
                yield row
                continue
            self._check_columns(row.fields, file.name)
            yield attempt(partial(self._sample, row.fields, folder, names), row.where)

    def _check_columns(self, fields: dict[str, Any], name: str) -> None:
        for column in (self.image, self.caption):
            if column not in fields:
                fix = "set the reader's image and caption to columns of the table"
                raise DataError(name, f"no column {column!r}", f"one of {', '.join(fields)}", fix)

    def _sample(self, fields: dict[str, Any], folder: str, names: Names) -> Sample:
        uri = self.picture(name_of(fields, self.image) + self.suffix, folder)
        text = fields[self.caption]
        captions = (Caption(text),) if text else ()
        return Sample(names.next(uri), "", task=self.task, media=(Media(uri),), captions=captions)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Tables with a column of picture names and a column of text."""
        for name in listing.ending(".csv", ".tsv"):
            rows = first_records(listing.head(name))
            image, caption = picture_field(rows), caption_field(rows)
            if image and caption:
                suffix, pictures = _ending(listing, name, [row[image] for row in rows if row[image]])
                yield cls(path=name, pictures=pictures, image=image, caption=caption, suffix=suffix)


def _ending(listing: Listing, file: str, names: list[str]) -> tuple[str, str]:
    """Picture names of a table → (ending to add to them, folder where most of them are then)."""
    endings = Counter(PurePosixPath(name).suffix for name in listing.pictures)
    most = (ending for ending, _ in endings.most_common(3))
    tries = [(ending, beside(listing, file, [name + ending for name in names])) for ending in ("", *most)]
    return max(tries, key=lambda found: present(listing, file, found[1], [name + found[0] for name in names]))

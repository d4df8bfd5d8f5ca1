"""Parquet as Hugging Face data sets are stored: pictures (bytes, {bytes, path}, lists, or names) and texts by column → samples."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.conversation import TALKS, talk
from omma.curate.fields import captions_of, texts
from omma.curate.listing import Listing
from omma.curate.reader import Broken, Names, Reader, attempt, leaving, parent, relative
from omma.curate.sniff import CAPTION_FIELDS, PICTURE_FIELDS
from omma.schema.sample import Media, Sample

MORE = ("answer", "regions", "task", "captions", "chosen", "rejected", "meta")
BATCH = 4096  # rows read at a time; the bytes of pictures are not among them


@config
class Parquet(Reader):
    """`path` is a file or a folder of .parquet files; `image` and `text` are column names.

    `text` holds captions (a text or a list of texts), or conversations if it is called `conversations` or `messages`.
    Columns `answer`, `regions` and `task` are read where they are.
    """

    image: str = "image"
    text: str = "caption"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a row; pictures held in cells become `file.parquet#row:column`."""
        place = self.place(root)
        files = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
        if not files:
            raise DataError(self.path, "no .parquet in this folder", "Parquet files", "give a file or a folder of them")
        names = Names()
        for file in files:
            if gone := leaving(file, root):
                yield gone
                continue
            name, number = relative(file, root), 0
            try:
                table = pq.ParquetFile(file)
                self._check_columns(table.schema_arrow, name)
                for fields in _rows(table, self._wanted(table.schema_arrow)):
                    yield self._attempt(table.schema_arrow, fields, name, number, parent(file, root), names)
                    number += 1
            except (pa.ArrowException, OSError) as error:
                yield Broken(f"{name}#{number}", f"cannot be read from here on: {' '.join(str(error).split())}")

    def _check_columns(self, schema: pa.Schema, name: str) -> None:
        for column in (self.image, self.text):
            if column not in schema.names:
                fix = "set the reader's image and text to columns of the table"
                raise DataError(name, f"no column {column!r}", f"one of {', '.join(schema.names)}", fix)

    def _wanted(self, schema: pa.Schema) -> list[str]:
        """Columns to read. Bytes stay where they are; of a list of pictures only the length counts, which its paths tell."""
        kind = schema.field(self.image).type
        wanted = [self.text, *(name for name in MORE if name in schema.names and name != self.text)]
        if _is_list(kind):
            with_path = pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index("path") >= 0
            wanted.append(f"{self.image}.list.element.path" if with_path else self.image)
        elif _is_text(kind):
            wanted.append(self.image)
        return wanted

    def _attempt(
        self, schema: pa.Schema, fields: dict[str, Any], name: str, number: int, folder: str, names: Names
    ) -> Sample | Broken:
        kind = schema.field(self.image).type

        def build() -> Sample:
            media = self._media(fields.get(self.image), kind, f"{name}#{number}:{self.image}", folder)
            sample = self._sample(fields, media, folder)
            return replace(sample, id=names.next(media[0].uri if media else f"{name}#{number}"))

        return attempt(build, f"{name}#{number}")

    def _media(self, value: Any, kind: pa.DataType, cell: str, folder: str) -> list[Media]:
        if _is_text(kind):
            return [Media(self.picture(item, folder)) for item in texts(value, self.image)]
        if not _is_list(kind):
            return [Media(cell)]
        if _is_text(kind.value_type):
            return [Media(self.picture(item, folder)) for item in texts(value, self.image)]
        return [Media(f"{cell}/{i}") for i in range(len(value or ()))]

    def _sample(self, fields: dict[str, Any], media: list[Media], folder: str) -> Sample:
        if self.text not in TALKS:
            return Sample("", "", self.task or "caption", tuple(media), captions=captions_of(fields, (self.text,)))
        fields = {name: _unpacked(value, name) if name in (self.text, *MORE) else value for name, value in fields.items()}
        return talk(fields, media, self.task, lambda name: self.picture(name, folder))

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Files with a column of pictures and one of texts; files of one folder with the same columns are one set."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for name in listing.ending(".parquet"):
            columns = _columns(listing.root / name)
            image = next((columns[usual] for usual in PICTURE_FIELDS if usual in columns), "")
            text = next((columns[usual] for usual in (*TALKS, *CAPTION_FIELDS) if usual in columns), "")
            if image and text:
                found.setdefault((Path(name).parent.as_posix(), image, text), []).append(name)
        for (folder, image, text), names in found.items():
            yield cls(path=names[0] if len(names) == 1 else folder, image=image, text=text)


def _unpacked(value: Any, name: str) -> Any:
    """A cell → the same, or what stands in it as JSON: nested fields are often stored so."""
    if not isinstance(value, str) or not (name in TALKS or value.startswith(("{", "["))):
        return value
    try:
        return json.loads(value)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(name, f"no JSON: {error}") from None


def _rows(table: pq.ParquetFile, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in table.iter_batches(BATCH, columns=columns):
        yield from batch.to_pylist()


def _columns(path: Path) -> dict[str, str]:
    """Parquet file → its columns by lower-case name."""
    try:
        return {name.lower(): name for name in pq.read_schema(path).names}
    except (pa.ArrowException, OSError):
        return {}


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)

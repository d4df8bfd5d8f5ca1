"""Parquet as Hugging Face data sets are stored: pictures (bytes, {bytes, path}, lists, or names) and texts by column → samples."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.conversation import TALKS, talk
from omma.curate.formats.fields import captions_of, texts
from omma.curate.formats.listing import Listing
from omma.curate.formats.parquet_rows import parquet_rows
from omma.curate.formats.rows import Row
from omma.curate.formats.sniff import CAPTION_FIELDS, PICTURE_FIELDS
from omma.curate.reader import Broken, Names, Reader, attempt, below, closed
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
        """One sample a row; pictures held in cells become `file.parquet#row:column`. Ids begin with the file."""
        for file in self.shards(root, ".parquet"):
            gone = closed(file, root)
            yield from [gone] if gone else self._file(file, root)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A file each."""
        return tuple(replace(self, path=below(file, root)) for file in self.shards(root, ".parquet"))

    def files(self, root: Path) -> tuple[Path, ...]:
        """The tables."""
        return tuple(self.shards(root, ".parquet"))

    def _file(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        name, names = below(file, root), Names()
        folder = PurePosixPath(name).parent.as_posix()
        try:
            table = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            yield Broken(f"{name}#0", f"cannot be read: {' '.join(str(error).split())}")
            return
        with table:
            schema = table.schema_arrow
            self._check_columns(schema, name)
            for row in parquet_rows(table, name, self._wanted(schema), BATCH):
                yield row if isinstance(row, Broken) else attempt(partial(self._sample, schema, row, folder, names), row.where)

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

    def _sample(self, schema: pa.Schema, row: Row, folder: str, names: Names) -> Sample:
        kind, fields = schema.field(self.image).type, row.fields
        media = self._media(fields.get(self.image), kind, f"{row.where}:{self.image}", folder)
        sample = self._said(fields, media, folder)
        uri = media[0].uri if media else row.where
        file = row.where.rpartition("#")[0]
        return replace(sample, id=names.next(uri if uri.startswith(f"{file}#") else f"{file}#{uri}"))

    def _media(self, value: Any, kind: pa.DataType, cell: str, folder: str) -> list[Media]:
        if _is_text(kind):
            return [Media(self.picture(item, folder)) for item in texts(value, self.image)]
        if not _is_list(kind):
            return [Media(cell)]
        if _is_text(kind.value_type):
            return [Media(self.picture(item, folder)) for item in texts(value, self.image)]
        return [Media(f"{cell}/{i}") for i in range(len(value or ()))]

    def _said(self, fields: dict[str, Any], media: list[Media], folder: str) -> Sample:
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

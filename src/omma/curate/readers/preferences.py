"""Preference pairs: JSON Lines, a JSON array or Parquet of questions with a chosen and a rejected reply → samples.

`turns` hold the conversation with the chosen reply at its end, `chosen` and `rejected` the two replies alone.
Layouts: `omma.curate.formats.preferring`.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.conversation import talk
from omma.curate.formats.fields import mapping, plain_values
from omma.curate.formats.file_reader import FileReader
from omma.curate.formats.listing import Listing
from omma.curate.formats.preferring import mostly_preferences, preferred
from omma.curate.formats.rows import Row, json_rows
from omma.curate.formats.sniff import array_objects, beside, first_objects
from omma.curate.reader import Broken, Names, attempt, parent, relative
from omma.curate.readers.question_answer import pictures_of
from omma.schema.sample import Media, Sample

BATCH = 1024
PICTURES = ("image", "images")


@config
class Preferences(FileReader):
    """`path` is one file. Pictures are named, or lie in a Parquet column `image` or `images`."""

    endings: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson", ".parquet")
    path: str = "preferences.jsonl"
    task: str = "preference"

    def rows(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        """One sample a row; `meta["margin"]` is the difference of ratings, or the field `margin`, where there is any."""
        folder, names = parent(file, root), Names()
        rows = _cells(file, relative(file, root)) if file.suffix == ".parquet" else json_rows(file)
        for row in rows:
            yield row if isinstance(row, Broken) else attempt(partial(self._sample, row, folder, names), row.where)

    def _sample(self, row: Row, folder: str, names: Names) -> Sample:
        fields = mapping(row.fields)
        pair = preferred(fields)
        uris = [name if ".parquet#" in name else self.picture(name, folder) for name in pictures_of(fields)]
        media = [Media(uri) for uri in uris]

        def said(reply: list[dict[str, Any]]) -> Sample:
            # Placeholders of pictures stand in the question, which both replies follow.
            row = {"messages": [*pair.asked, *reply], "regions": fields.get("regions"), "task": fields.get("task")}
            return talk(row, media, self.task, lambda name: self.picture(name, folder))

        better, worse, asked = said(pair.chosen), said(pair.rejected), len(pair.asked)
        margin = pair.margin or fields.get("margin")
        meta = plain_values({"margin": margin}) if margin else {}
        meta |= plain_values(fields.get("meta"))
        id = names.next(better.media[0].uri if better.media else row.where)
        return replace(better, id=id, chosen=better.turns[asked:], rejected=worse.turns[asked:], meta=meta)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Objects that hold pairs of replies, or several rated ones."""
        for name in listing.ending(".json", ".jsonl", ".ndjson", ".parquet"):
            rows = _first(listing, name)
            if mostly_preferences(rows):
                named = [picture for row in rows if not name.endswith(".parquet") for picture in _named(row)]
                yield cls(path=name, pictures=beside(listing, name, named))


def _first(listing: Listing, name: str) -> list[dict[str, Any]]:
    if not name.endswith(".parquet"):
        head = listing.head(name)
        return array_objects(head) or first_objects(head)
    try:
        table = pq.ParquetFile(listing.root / name)
        columns = [column for column in table.schema_arrow.names if column not in PICTURES]
        batch = next(table.iter_batches(20, columns=columns), None)
    except (pa.ArrowException, OSError):
        return []
    return batch.to_pylist() if batch is not None and columns else []


def _named(row: dict[str, Any]) -> list[str]:
    try:
        return pictures_of(row)
    except DataError:
        return []


def _cells(file: Path, name: str) -> Iterator[Row | Broken]:
    """Parquet file → its rows, pictures held in cells by their name in the store, JSON texts of messages unpacked."""
    number = 0
    try:
        table = pq.ParquetFile(file)
        held = {column: table.schema_arrow.field(column).type for column in PICTURES if column in table.schema_arrow.names}
        # Bytes stay in the file: of pictures only names, and how many a list holds, are read.
        columns = [column for column in table.schema_arrow.names if column not in held or pa.types.is_string(held[column])]
        columns += [f"{column}.list.element.path" for column, kind in held.items() if pa.types.is_list(kind)]
        for batch in table.iter_batches(BATCH, columns=columns):
            for fields in batch.to_pylist():
                cells = {column: _uris(fields.get(column), kind, f"{name}#{number}:{column}") for column, kind in held.items()}
                yield Row(f"{name}#{number}", {key: _plain(value) for key, value in fields.items()} | cells)
                number += 1
    except (pa.ArrowException, OSError) as error:
        yield Broken(f"{name}#{number}", f"cannot be read from here on: {' '.join(str(error).split())}")


def _uris(value: Any, kind: pa.DataType, cell: str) -> Any:
    if pa.types.is_string(kind):
        return value
    return [f"{cell}/{i}" for i in range(len(value or ()))] if pa.types.is_list(kind) else cell


def _plain(value: Any) -> Any:
    """A text that is a JSON list → the list: messages are often stored so."""
    if isinstance(value, str) and value.startswith("[{"):
        try:
            return json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            return value
    return value

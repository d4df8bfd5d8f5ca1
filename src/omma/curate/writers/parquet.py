"""Parquet: samples → files of rows as Hugging Face data sets have them, pictures as {bytes, path} in the column `images`."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.formats.telling import Fields
from omma.curate.reader import Reader
from omma.curate.readers.parquet import Parquet as ParquetReader
from omma.curate.writer import Add, Kept, Writer
from omma.schema.sample import Sample

TEXTS = ("id", "task")
JSONS = ("messages", "captions", "regions", "answer", "chosen", "rejected", "meta")
HELD = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
GROUP = 100  # rows that are held in memory, and read together


@config
class Parquet(Writer):
    """`part` is how many samples a file holds. What is more than a text is JSON text in its column."""

    part: int = 5_000

    def check(self) -> None:
        if self.part < 1:
            raise ConfigError("part", str(self.part), "at least 1 sample a file")

    def check_sample(self, sample: Sample) -> None:
        """DataError for videos, which the column has no place for."""
        if any(item.kind != "image" for item in sample.media):
            raise DataError("media", "a video", "pictures alone", "write messages.jsonl")

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """Files `part-00000.parquet`, ... with a row a sample."""
        schema, count = rows_schema(HELD), 0
        rows: list[Fields] = []
        with ExitStack() as parts:
            table: pq.ParquetWriter | None = None

            def flush() -> None:
                if table is not None and rows:
                    table.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()

            def add(fields: Fields, kept: list[Kept]) -> None:
                nonlocal count, table
                if count % self.part == 0:
                    flush()
                    parts.close()
                    table = parts.enter_context(pq.ParquetWriter(folder / f"part-{count // self.part:05d}.parquet", schema))
                rows.append(row_of(fields) | {"images": [{"bytes": one.data, "path": one.media.uri} for one in kept]})
                count += 1
                if len(rows) == GROUP:
                    flush()

            yield add
            flush()

    def reader(self) -> Reader:
        """All files of the folder."""
        return ParquetReader(image="images", text="messages")


def rows_schema(images: pa.DataType) -> pa.Schema:
    """Type of the column of pictures → all columns."""
    return pa.schema([("images", images), *((name, pa.string()) for name in (*TEXTS, *JSONS))])


def row_of(fields: Fields) -> dict[str, Any]:
    """Fields of a sample → the cells of its row beside its pictures."""
    told = {name: json.dumps(fields[name], ensure_ascii=False) for name in JSONS if name in fields}
    return {name: fields[name] for name in TEXTS} | told

"""Parquet of names: samples → one file of rows, its column `images` naming files that lie beside it as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.curate.formats.picture_folder import PictureFolder
from omma.curate.formats.telling import Fields
from omma.curate.reader import Reader
from omma.curate.readers.parquet import Parquet as ParquetReader
from omma.curate.writer import Add, Kept, Writer
from omma.curate.writers.parquet import Parquet, row_of, rows_schema
from omma.schema.sample import Sample

FILE = "samples.parquet"
GROUP = 10_000


@config
class ParquetNames(Writer):
    """One table and `pictures/`."""

    def check_sample(self, sample: Sample) -> None:
        """DataError for videos, which the column has no place for."""
        Parquet().check_sample(sample)

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """A row a sample, written in groups."""
        pictures, schema, rows = PictureFolder(folder), rows_schema(pa.list_(pa.string())), []
        with pq.ParquetWriter(folder / FILE, schema) as table:

            def add(fields: Fields, kept: list[Kept]) -> None:
                rows.append(row_of(fields) | {"images": [pictures.add(one) for one in kept]})
                if len(rows) == GROUP:
                    table.write_table(pa.Table.from_pylist(rows, schema))
                    rows.clear()

            yield add
            if rows:
                table.write_table(pa.Table.from_pylist(rows, schema))

    def reader(self) -> Reader:
        """The table."""
        return ParquetReader(path=FILE, image="images", text="messages")

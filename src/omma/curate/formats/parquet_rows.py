"""Parquet rows: an open file → its rows in order, row group by row group, and a `Broken` for what cannot be read."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omma.curate.formats.rows import Row
from omma.curate.reader import Broken


def parquet_rows(table: pq.ParquetFile, name: str, columns: list[str], size: int) -> Iterator[Row | Broken]:
    """Open file, its name, columns and rows held at a time → rows, called `name#number`.

    A row group that breaks off is told, and the next one is read.
    """
    start = 0
    for group in range(table.num_row_groups):
        number, end = start, start + table.metadata.row_group(group).num_rows
        try:
            for batch in table.iter_batches(size, row_groups=[group], columns=columns):
                for fields in _plain(batch):
                    where = f"{name}#{number}"
                    yield Broken(where, fields) if isinstance(fields, str) else Row(where, fields)
                    number += 1
        except (pa.ArrowException, OSError) as error:
            yield Broken(f"{name}#{number}", f"cannot be read from here to row {end - 1:,}: {' '.join(str(error).split())}")
        start = end


def _plain(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """Batch → its rows as plain values, or why one is none: texts of a column need not be UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for place in range(batch.num_rows):
            try:
                yield batch.slice(place, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield f"text that is not UTF-8 at byte {error.start}"

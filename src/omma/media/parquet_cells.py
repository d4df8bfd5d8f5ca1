"""Parquet cells: (file, row, column) → the picture bytes in that cell, as Hugging Face data sets store them."""

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError


class ParquetCells:
    """One Parquet file of pictures. Reads whole row groups of one column and keeps the last one."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            self.file = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise DataError(name, f"no Parquet file: {' '.join(str(error).split())}", "a Parquet file") from None
        groups = self.file.metadata
        sizes = [groups.row_group(group).num_rows for group in range(groups.num_row_groups)]
        self.starts = list(accumulate(sizes, initial=0))[:-1]  # first row of each group
        self.kept: tuple[int, str, pa.ChunkedArray] | None = None

    def cell(self, row: int, column: str) -> Any:
        """Row number and column name → the cell as a Python value. DataError if there is no such row or column."""
        names = self.file.schema_arrow.names
        if column not in names:
            raise DataError(self.name, f"no column {column!r}", f"one of {', '.join(names)}")
        total = self.file.metadata.num_rows
        if not 0 <= row < total:
            raise DataError(self.name, f"no row {row:,}", f"0 to {total - 1:,}")
        group = bisect_right(self.starts, row) - 1
        return self._column(group, column)[row - self.starts[group]].as_py()

    def _column(self, group: int, column: str) -> pa.ChunkedArray:
        if self.kept is None or self.kept[:2] != (group, column):
            try:
                self.kept = (group, column, self.file.read_row_group(group, columns=[column], use_threads=False)[column])
            except (pa.ArrowException, OSError) as error:
                raise DataError(self.name, f"row group {group} cannot be read: {' '.join(str(error).split())}") from None
        return self.kept[2]

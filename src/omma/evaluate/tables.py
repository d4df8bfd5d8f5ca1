"""Tables: a file of rows in the layout in which a benchmark is published → rows as dicts, pictures by name.

`.tsv` (base64 cells, as VLMEvalKit publishes), `.csv`, `.jsonl`, `.json` (a list, or an object of rows by id) and
`.parquet` (as Hugging Face data sets). Picture cells are replaced by their name in a `Store`, and never held.
"""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import read_text

KEY = "id"  # of rows that stand under their id in a JSON object


def read_rows(file: Path, uri: str, pictures: Sequence[str] = ("image",)) -> list[dict[str, Any]]:
    """File, its name in the store and its picture columns → rows in order; empty cells are left out.

    A picture cell becomes the tuple of its pictures' names. DataError saying which line is no row.
    """
    readers = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".json": _json, ".parquet": _parquet}
    if file.suffix not in readers:
        raise DataError(uri, f"a {file.suffix or 'nameless'} file", f"one of {', '.join(readers)}")
    rows = list(readers[file.suffix](file, uri, pictures))
    if not rows:
        raise DataError(uri, "no rows", "at least one", "fetch the benchmark again")
    return rows


def read_lines(file: Path, uri: str) -> list[dict[str, Any]]:
    """File of one JSON object a line, whatever its name ends in → rows, as `read_rows`."""
    rows = list(_jsonl(file, uri, ()))
    if not rows:
        raise DataError(uri, "no rows", "at least one", "fetch the benchmark again")
    return rows


def need(row: dict[str, Any], column: str, where: str) -> Any:
    """Row + column → its value. DataError naming what the row has instead: a benchmark folder of another version, as a rule."""
    if column not in row:
        fix = "the file is of another version of the benchmark, or of another one"
        raise DataError(where, f"no {column!r} among {', '.join(row)}", f"a row with {column!r}", fix)
    return row[column]


def _tsv(file: Path, uri: str, pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(_delimited(file, uri, "\t")):
        yield row | {name: _named(f"{uri}#{number}:{name}", row[name]) for name in pictures if name in row}


def _named(cell: str, text: str) -> tuple[str, ...]:
    return tuple(f"{cell}/{i}" for i in range(text.count(",") + 1)) if text.startswith("[") else (cell,)


def _csv(file: Path, uri: str, pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    return _delimited(file, uri, ",")


def _delimited(file: Path, uri: str, delimiter: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(sys.maxsize)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=delimiter)
            names = next(reader, [])
            for number, cells in enumerate(reader, 1):
                if not cells:
                    continue
                if len(cells) != len(names):
                    raise DataError(f"{uri}:{number}", f"{len(cells)} cells", f"{len(names)}, as its header has")
                yield {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
    except UnicodeDecodeError as error:
        raise DataError(uri, f"not UTF-8 at byte {error.start}", "a table", "save it again as UTF-8") from None
    except csv.Error as error:
        raise DataError(uri, f"no table: {error}", "rows of cells") from None


def _jsonl(file: Path, uri: str, pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_text(file).split("\n"), 1):
        if line.strip():
            yield _row(_parsed(line, f"{uri}:{number}"), f"{uri}:{number}")


def _json(file: Path, uri: str, pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    data = _parsed(read_text(file), uri)
    if isinstance(data, dict):
        data = [_row(row, f"{uri}:{name}") | {KEY: name} for name, row in data.items()]
    if not isinstance(data, list):
        raise DataError(uri, f"a {type(data).__name__}", "a list of rows, or an object of rows by id")
    for number, row in enumerate(data):
        yield _row(row, f"{uri}:{number}")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(where, f"no JSON: {error}", "one JSON value") from None


def _row(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(where, f"a {type(value).__name__}", "an object")
    return {name: item for name, item in value.items() if item is not None and item != ""}


def _parquet(file: Path, uri: str, pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        seen = 0
        for group in range(table.metadata.num_row_groups):
            plain = table.read_row_group(group, columns=[name for name in names if name not in pictures], use_threads=False)
            shown = {name: _sizes(table, group, name) for name in pictures if name in names}
            for offset, row in enumerate(plain.to_pylist()):
                cells = {name: _cells(f"{uri}#{seen + offset}:{name}", sizes[offset]) for name, sizes in shown.items()}
                yield _row(row, uri) | {name: cell for name, cell in cells.items() if cell}
            seen += plain.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(uri, f"no Parquet file: {' '.join(str(error).split())}", "a whole Parquet file") from None


def _sizes(table: pq.ParquetFile, group: int, name: str) -> list[int]:
    """Column of pictures → how many each row has: -1 for a single one, 0 for none."""
    column = table.read_row_group(group, columns=[name], use_threads=False)[name]
    several = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    return [0 if not cell.is_valid else len(cell) if several else -1 for cell in column]


def _cells(cell: str, size: int) -> tuple[str, ...]:
    return (cell,) if size < 0 else tuple(f"{cell}/{i}" for i in range(size))

"""Layouts: a benchmark's file or folder → its tables, the folder of its pictures, its lists, wherever a release has put them.

One benchmark circulates as JSON beside a folder of pictures, as Parquet files of the hub, and as a TSV of VLMEvalKit.
Which of them lies there is told by what lies there.
"""

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.tables import need

SHOWN = 8
ARCHIVE = ".zip"


def find_tables(place: Path, uri: str, names: Sequence[str], splits: tuple[str, ...] = ()) -> list[tuple[Path, str]]:
    """File or folder + its name in the store → the tables to read, each with its name in the store.

    A file is its own table. In a folder it is the first of `names` that is there, else all Parquet files below it whose
    name, or name with its folders, starts with one of `splits`, in order. DataError for a folder with neither.
    """
    if place.is_file():
        return [(place, uri)]
    found = next((name for name in names if (place / name).is_file()), None)
    if found is not None:
        return [(place / found, f"{uri}/{found}")]
    shards = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.parquet"))
    shards = [name for name in shards if name.startswith(splits) or name.rpartition("/")[2].startswith(splits)]
    if not shards:
        there = ", ".join(sorted(entry.name for entry in place.iterdir())[:SHOWN]) or "nothing"
        wanted = ", ".join([*names, *(f"{split}-….parquet" for split in splits)])
        raise DataError(uri, f"a folder with {there}", wanted, "take the files as they are published")
    return [(place / name, f"{uri}/{name}") for name in shards]


def find_pictures(place: Path, uri: str, names: Sequence[str]) -> str:
    """File or folder + its name in the store + names of picture folders → what stands in front of a picture's name.

    Sought in the folder itself, then in each above it up to the root: "val2014" is that folder or val2014.zip with it
    inside, "a.zip#b" is the folder b in that zip. The nearest wins, then the first of `names`. DataError if there is none.
    """
    for folder, prefix in _upward(place, uri):
        for name in names:
            archive, _, inner = name.partition("#")
            if not inner and (folder / name).is_dir():
                return f"{prefix}{name}/"
            archive = archive if inner else name + ARCHIVE
            if (folder / archive).is_file():
                return f"{prefix}{archive}#{inner or Path(name).name}/"
    return f"{next(_upward(place, uri))[1]}{names[0].replace('#', '/')}/"


def find_beside(place: Path, uri: str, name: str) -> tuple[Path, str] | None:
    """File or folder + its name in the store → the file `name` in the same folder with its name in the store, if it is there."""
    folder, prefix = next(_upward(place, uri))
    return (folder / name, prefix + name) if (folder / name).is_file() else None


def read_listed(file: Path, uri: str, key: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON object with its rows under `key` → (rows without empty cells, the rest of the object). DataError for any other file."""
    try:
        data = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(uri, f"no JSON: {error}", "one JSON object") from None
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            uri, f"no list of rows under {key!r}", "the published file", "it is of another version, or of another benchmark"
        )
    kept = [{name: cell for name, cell in row.items() if cell is not None and cell != ""} for row in rows]
    return kept, {name: value for name, value in data.items() if name != key}


def several(cell: Any) -> list[str]:
    """A cell with one text or several (a list, or a text that is the literal of one, as TSV files hold it) → the texts."""
    if isinstance(cell, str) and cell.startswith("["):
        try:
            cell = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return [str(cell)]
    return texts(cell)


def texts(cell: Any) -> list[str]:
    """A cell with one value or a list of them → as texts; a text stays as it is."""
    return [str(item) for item in cell] if isinstance(cell, list | tuple) else [str(cell)]


def whole_number(row: dict[str, Any], column: str, where: str) -> int:
    """Row + column → the whole number in it, written out or not. DataError if there is none or it is no number."""
    value = need(row, column, where)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(where, f"{column} {value!r}", "a whole number") from None


def _upward(place: Path, uri: str) -> Iterator[tuple[Path, str]]:
    """File or folder → the folders from its own up to the root, each with what stands in front of names in it."""
    parts = uri.split("/")
    folder = place
    if place.is_dir():
        yield place, f"{uri}/"
    while parts:
        parts.pop()
        folder = folder.parent
        yield folder, "".join(f"{part}/" for part in parts)

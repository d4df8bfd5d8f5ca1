"""Rows: a file of JSON Lines, a JSON array or CSV → its rows, and a `Broken` where one cannot be read."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.curate.reader import Broken

CELL_LIMIT = 1 << 27  # csv's own limit of 131,072 letters would lose long captions; ours are dropped by an operator


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `where` names it (`file:line`), `fields` is a JSON object or a CSV row by column, else any JSON value."""

    where: str
    fields: Any


def json_lines(path: Path) -> Iterator[Row | Broken]:
    """JSON Lines file → one row for each line that is not blank."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path.name}:{number}"
            if line.strip(b" \t\r\n\xef\xbb\xbf\0"):
                yield _json_row(where, line)


def json_array(path: Path) -> Iterator[Row | Broken]:
    """File of one JSON array → its items; an array that breaks off gives what stands before the break, then a `Broken`."""
    text = _text(path)
    decoder, position, number = json.JSONDecoder(), _skip(text, 0), 0
    if text[position : position + 1] != "[":
        raise DataError(path.name, f"begins with {text[position : position + 12]!r}", "a JSON array: [ ... ]")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        where = f"{path.name}:{number}"
        try:
            item, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            yield Broken(where, f"the array breaks off here: {error}")
            return
        yield Row(where, item)
        number, position = number + 1, _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            yield Broken(f"{path.name}:{number}", f"the array breaks off at letter {position:,}: neither ',' nor ']'")
            return


def json_rows(path: Path) -> Iterator[Row | Broken]:
    """File of one JSON array or of JSON Lines, told apart by its first sign → its items or lines."""
    with path.open("rb") as file:
        start = file.read(1 << 12).lstrip(b"\xef\xbb\xbf \t\r\n")
    return json_array(path) if start.startswith(b"[") else json_lines(path)


def json_object(path: Path) -> dict[str, Any]:
    """File of one JSON object → the object, whole in memory; DataError if it is none or breaks off."""
    try:
        value = json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(path.name, f"no whole JSON: {error}", "one JSON object", "fetch the file again") from None
    if not isinstance(value, dict):
        raise DataError(path.name, f"a JSON {type(value).__name__}", "one JSON object: { ... }")
    return value


def csv_rows(path: Path) -> Iterator[Row | Broken]:
    """CSV or TSV file with a header → one row by column name for each record. DataError if there is no header."""
    csv.field_size_limit(CELL_LIMIT)
    with path.open("rb") as raw:
        mark = delimiter(raw.readline(1 << 16))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=mark)
        try:
            header = next(reader)
        except (StopIteration, csv.Error):
            raise DataError(path.name, "an empty table", "a header line and rows") from None
        yield from _csv_records(reader, [name.strip() for name in header], path.name)


def delimiter(head: bytes) -> str:
    """First bytes of a table → the separator of its header line: whichever of tab, semicolon and comma is most frequent."""
    line = head.split(b"\n", 1)[0]
    return max("\t;,", key=lambda mark: (line.count(mark.encode()), mark == ","))


def _csv_records(reader: Any, header: list[str], name: str) -> Iterator[Row | Broken]:
    while True:
        where = f"{name}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Broken(where, f"no CSV row: {error}")
            continue
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield Broken(where, f"{len(cells)} cells under {len(header)} columns ({', '.join(header[:6])})")
        elif any(_undecoded(cell) for cell in cells):
            yield Broken(where, "not UTF-8")
        else:
            yield Row(where, dict(zip(header, cells, strict=True)))


def _json_row(where: str, line: bytes) -> Row | Broken:
    try:
        return Row(where, json.loads(line.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        return Broken(where, f"not UTF-8 at byte {error.start}")
    except (json.JSONDecodeError, RecursionError) as error:
        return Broken(where, f"no JSON: {error}")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path.name, f"not UTF-8 at byte {error.start:,}", "UTF-8 text", "convert it with iconv") from None


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _undecoded(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else False

"""TSV cells: (file, row, column) → the picture bytes in that cell, base64, as VLMEvalKit's tables store them.

A cell may hold a list of pictures (JSON or Python literals of strings), or the number of another row, whose picture it shares.
"""

import ast
import base64
import binascii
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from omma.core.errors import DataError

SHARED = 64  # characters: a shorter cell is the index of the row whose picture is meant
KEY = "index"


class TsvCells:
    """One table of pictures. The places of its rows are found once; a cell is then read at its offset."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        csv.field_size_limit(sys.maxsize)
        spans = list(_records(path))
        if not spans:
            raise DataError(name, "the file is empty (0 bytes)", "a table with a header line")
        self.names, self.spans = self._split(*spans[0]), spans[1:]
        self.by_index: dict[str, int] = {}

    def cell(self, row: int, column: str) -> bytes | list[bytes]:
        """Row number (0 is the first below the header) and column → picture bytes, or a list of them. DataError if it has none."""
        text = self._text(row, column)
        if text and len(text) <= SHARED and text.isdigit():
            text = self._text(self._row_of(text), column)
        if text.startswith("["):
            try:
                return [self._decoded(item, row, column) for item in ast.literal_eval(text)]
            except (ValueError, SyntaxError):
                raise DataError(f"{self.name}#{row}:{column}", "a broken list", "a list of base64 texts") from None
        return self._decoded(text, row, column)

    def _row_of(self, index: str) -> int:
        if not self.by_index:
            place = self.names.index(KEY) if KEY in self.names else 0
            self.by_index = {cells[place]: row for row, cells in enumerate(map(self._row, range(len(self.spans)))) if cells}
        if index not in self.by_index:
            raise DataError(self.name, f"no row with {KEY} {index!r}", "the index of a row with a picture")
        return self.by_index[index]

    def _text(self, row: int, column: str) -> str:
        if column not in self.names:
            raise DataError(self.name, f"no column {column!r}", f"one of {', '.join(self.names)}")
        if not 0 <= row < len(self.spans):
            raise DataError(self.name, f"no row {row:,}", f"0 to {len(self.spans) - 1:,}")
        cells = self._row(row)
        if len(cells) != len(self.names):
            raise DataError(f"{self.name}#{row}", f"{len(cells)} cells", f"{len(self.names)}, as its header has")
        return cells[self.names.index(column)]

    def _row(self, row: int) -> list[str]:
        return self._split(*self.spans[row])

    def _split(self, offset: int, size: int) -> list[str]:
        with self.path.open("rb") as file:
            file.seek(offset)
            text = file.read(size).decode("utf-8-sig", errors="replace")
        return next(csv.reader([text.rstrip("\r\n")], delimiter="\t"), []) if '"' not in text else _quoted(text)

    def _decoded(self, text: str, row: int, column: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            got = f"{len(text):,} characters that are no base64"
            raise DataError(f"{self.name}#{row}:{column}", got, "a picture in base64") from None


def _quoted(text: str) -> list[str]:
    return next(csv.reader(text.splitlines(keepends=True), delimiter="\t"), [])


def _records(path: Path) -> Iterator[tuple[int, int]]:
    """Table → (offset, bytes) of each record: a line, or several where quotes hold line breaks."""
    start = offset = 0
    open_quote = False
    with path.open("rb") as file:
        for line in file:
            open_quote ^= bool(line.count(b'"') % 2)
            offset += len(line)
            if not open_quote:
                if line.strip():
                    yield start, offset - start
                start = offset
        if open_quote:
            yield start, offset - start

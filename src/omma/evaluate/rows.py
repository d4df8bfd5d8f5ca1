"""Rows: a benchmark's file or folder → all rows of all its tables, numbered; and the letters of lettered options.

The forms in which options and right answers circulate (columns A to Z, lists, letters in brackets, numbers, texts) are
read here, so that a benchmark only says which of them it has.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from omma.core.errors import DataError
from omma.evaluate.layouts import find_tables, several
from omma.evaluate.tables import need, read_rows

HIDDEN = ("", "-", "?", "hidden")
FIX = "take a split whose answers are published; those of others are kept by the benchmark's server"
LISTS = ("options", "choices", "candidates")


def numbered(
    file: Path, uri: str, names: Sequence[str] = (), splits: tuple[str, ...] = (), pictures: Sequence[str] = ("image",)
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """File or folder → (number from 0 on over all tables, where it stands, the row). Errors as `find_tables` and `read_rows`."""
    number = 0
    for table, name in find_tables(file, uri, names, splits):
        for place, row in enumerate(read_rows(table, name, pictures)):
            yield number, f"{name}:{place}", row
            number += 1


def options_of(row: dict[str, Any]) -> list[str]:
    """Row → the texts of its options: columns A, B, … or a list under options, choices or candidates; none if it has neither."""
    lettered = [str(row[letter]) for letter in ascii_uppercase if letter in row]
    listed = next((row[name] for name in LISTS if name in row), ())
    return lettered or (several(listed) if isinstance(listed, str | list | tuple) and listed != "[]" else [])


def right_letter(row: dict[str, Any], choices: Sequence[str], where: str) -> str:
    """Row + its options → the letter in `answer`, with or without brackets. DataError if it is hidden or no option has it."""
    answer = _answer(row, where).strip("()")
    if len(answer) != 1 or answer not in ascii_uppercase[: len(choices)]:
        raise DataError(where, f"the answer {answer!r}", f"a letter of {len(choices)} options")
    return answer


def letter_by_number(row: dict[str, Any], choices: Sequence[str], where: str) -> str:
    """Row + its options → the letter of the option whose number, counted from 0, is in `answer`. DataError as `right_letter`."""
    answer = _answer(row, where)
    if not (answer.isascii() and answer.isdigit()) or int(answer[:4]) >= min(len(choices), len(ascii_uppercase)):
        raise DataError(where, f"the answer {answer!r}", f"a number below {len(choices)}")
    return ascii_uppercase[int(answer)]


def letter_by_text(row: dict[str, Any], choices: Sequence[str], where: str) -> str:
    """Row + its options → the letter of the first whose text is in `answer`. DataError as `right_letter`."""
    answer = str(need(row, "answer", where))
    if answer not in choices[: len(ascii_uppercase)]:
        raise DataError(where, f"the answer {answer!r}", f"one of {', '.join(choices)}")
    return ascii_uppercase[list(choices).index(answer)]


def _answer(row: dict[str, Any], where: str) -> str:
    answer = str(row.get("answer", "")).strip()
    if answer.lower() in HIDDEN:
        raise DataError(where, "no answer", "the right option", FIX)
    return answer

"""Plain pickles: files that old benchmarks publish as pickles → the lists, dicts, texts and numbers in them, and nothing else.

A pickle may name any function to be called. Here every such name is refused before it is looked up, so that no code of a
file ever runs.
"""

import pickle
from pathlib import Path
from typing import Any

from omma.core.errors import DataError

DEEP = (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError, MemoryError)


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}, which plain data never does")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it points outside the file")


def read_pickle(file: Path, uri: str) -> Any:
    """File + its name in the store → the plain value in it. DataError for a broken one and for one that names any code."""
    try:
        with file.open("rb") as data:
            return _Plain(data, encoding="utf-8").load()
    except DEEP as error:
        got = f"no pickle of plain data: {' '.join(str(error).split())[:120]}"
        raise DataError(uri, got, "lists, dicts, texts and numbers", "take the file as it is published") from None

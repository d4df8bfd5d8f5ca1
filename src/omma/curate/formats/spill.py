"""Spill: values one by one → a nameless file on disk, read in their order as often as wanted. Memory holds one at a time."""

import pickle
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Spill(Generic[Value]):
    """Lies in `folder`, on whose disk there is room for what is written there; gone with the last reference to it."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # it lives as long as this object
        weakref.finalize(self, self._file.close)
        self._end = self._count = 0

    def add(self, value: Value) -> None:
        """Put one behind the others."""
        self._file.seek(self._end)
        pickle.dump(value, self._file, pickle.HIGHEST_PROTOCOL)
        self._end = self._file.tell()
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Value]:
        place = 0
        while place < self._end:
            self._file.seek(place)
            value = pickle.load(self._file)
            place = self._file.tell()
            yield value

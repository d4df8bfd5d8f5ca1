"""Paid: what a server was asked (as a hash) → what it answered, in an SQLite file that several threads and processes share."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from omma.core.errors import CheckpointError

PATIENCE = 60.0  # seconds to wait for another process's write


class Paid:
    """One table, one row an answer. Every access opens the file anew: an answer costs a thousand times as much."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def get(self, key: str) -> str | None:
        """Hash of a request → the answer that was paid for, or None. CheckpointError if the file is no such table."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[str]) -> dict[str, str]:
        """Hashes of requests → those that were answered, with their answers."""
        if not self.file.exists():
            return {}
        with self._open() as table:
            found = [table.execute("SELECT request, answer FROM answers WHERE request = ?", (key,)).fetchone() for key in keys]
        return {str(row[0]): str(row[1]) for row in found if row is not None}

    def put(self, key: str, answer: str) -> None:
        """Keep an answer."""
        self.put_all({key: answer})

    def put_all(self, answers: Mapping[str, str]) -> None:
        """Keep several, all or none: waiting for the disk takes as long as for one."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as table:
            table.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", answers.items())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.file, timeout=PATIENCE)
            try:
                with connection:
                    connection.execute("CREATE TABLE IF NOT EXISTS answers (request TEXT PRIMARY KEY, answer TEXT NOT NULL)")
                    yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            fix = "delete it to ask again"
            raise CheckpointError(str(self.file), f"unreadable: {error}", "answers that were kept", fix) from None

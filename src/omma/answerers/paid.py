"""Paid: what a server was asked (as a hash) → what it answered, in an SQLite file that several threads and processes share."""

import sqlite3
from collections.abc import Iterator
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
        if not self.file.exists():
            return None
        with self._open() as table:
            row = table.execute("SELECT answer FROM answers WHERE request = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, answer: str) -> None:
        """Keep an answer."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as table:
            table.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, answer))

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

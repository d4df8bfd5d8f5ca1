"""Alone: a folder of work → one job's at a time; another that wants it is told who is there."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from omma.core.errors import CheckpointError
from omma.core.progress import say

LOCK = "lock"  # in the folder: who works there; the system lets go of it when the process ends, however it does


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The folder is this process's inside the block. CheckpointError if another process works there."""
    with _locked(folder) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} of {socket.gethostname()}")
        file.flush()
        yield


def _locked(folder: Path) -> TextIO:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            got = f"curated into by {file.read() or 'another process'}"
            file.close()
            raise CheckpointError(str(folder.parent), got, "one job at a time", "wait for it, or stop it") from None
        except OSError as error:
            say(f"{folder}: no locks on this file system ({error.strerror}): see that no second job curates into it")
        if _stands(file, folder / LOCK):
            return file
        file.close()  # of a job that ended just now, and took its folder away


def _stands(file: TextIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())

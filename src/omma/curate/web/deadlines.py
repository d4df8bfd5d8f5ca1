"""Deadlines: connections + a time → closed when it has come: a server may send a byte now and then forever."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

TICK = 0.1  # seconds


class Deadlines:
    """A thread that looks after connections of other threads, until the end of a `with`."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[float, http.client.HTTPConnection]] = {}
        self._over, self._hurried = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)

    def __enter__(self) -> "Deadlines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextlib.contextmanager
    def watch(self, connection: http.client.HTTPConnection, end: float) -> Iterator[None]:
        """Close the connection at `end` (of the monotonic clock) unless the block ends before."""
        self._watched[id(connection)] = (end, connection)
        try:
            yield
        finally:
            self._watched.pop(id(connection), None)

    def hurry(self) -> None:
        """Close all of them now, and all that come."""
        self._hurried = True

    def _run(self) -> None:
        while not self._over.wait(TICK):
            now = time.monotonic()
            for end, connection in list(self._watched.values()):
                sock = connection.sock
                if (now >= end or self._hurried) and sock is not None:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)

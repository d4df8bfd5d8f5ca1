"""Line: requests of all threads to one server → when each may go, and whether there is anybody at the other end at all."""

import threading
import time

from omma.core.errors import ConfigError

ENOUGH = 2  # times the requests under way: cut off together, they are one failure


class Line:
    """At most `rate` requests a second (0: as they come); none while the server has asked for a pause.

    After `gone_after` requests in a row that found no connection or no answer in time, nothing is sent any more until `reopen`:
    every turn is a ConfigError. Answers of any kind, refusals too, begin the count anew. Of `workers` requests under way at
    least twice as many must fail.
    """

    def __init__(self, shown: str, rate: float, gone_after: int, workers: int) -> None:
        self.shown, self.rate, self.gone_after = shown, rate, max(gone_after, ENOUGH * workers)
        self.lock = threading.Lock()
        self.next = 0.0  # when the next request may go
        self.failed, self.last = 0, ""

    def reopen(self) -> None:
        """Forget what failed: someone asks again."""
        self.failed = 0

    def turn(self) -> None:
        """Wait until a request may go. ConfigError if the server is gone."""
        self._check()
        with self.lock:
            now = time.monotonic()
            wait = self.next - now
            self.next = max(self.next, now) + (1 / self.rate if self.rate else 0.0)
        if wait > 0:
            time.sleep(wait)
            self._check()

    def pause(self, seconds: float) -> None:
        """The server asks all to wait."""
        with self.lock:
            self.next = max(self.next, time.monotonic() + seconds)

    def answered(self) -> None:
        """There is somebody."""
        self.failed = 0

    def lost(self, what: str) -> None:
        """A request found nobody."""
        with self.lock:
            self.failed, self.last = self.failed + 1, what

    def _check(self) -> None:
        if self.failed >= self.gone_after:
            got = f"{self.failed} requests in a row without an answer, the last: {self.last}"
            fix = "start it again, then run the same command: what was answered is kept"
            raise ConfigError(self.shown, got, "a server that answers", fix)

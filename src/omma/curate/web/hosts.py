"""Hosts: waiting addresses by host → the next one that may be asked: so many a second and at once, and none of a lost host.

Addresses that have to wait hold no thread, and more are taken in only as others are done.
"""

import heapq
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOST = 8  # connections in a row without any answer, after which a host is given up for this run
KEPT = 10_000  # hosts remembered without an address that waits


@dataclass(slots=True)
class Waiting:
    """An address on its way: how often it was asked for, and the seconds that took."""

    address: str
    host: str
    tries: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Host:
    ready: float = 0.0  # of the monotonic clock: not asked before
    busy: int = 0
    silent: int = 0
    listed: bool = False  # in the heap
    queue: deque[Waiting] = field(default_factory=deque)


class Hosts:
    """`rate` is requests a second and `at_once` connections for one host; `most` addresses wait at a time."""

    def __init__(self, rate: float, at_once: int, most: int) -> None:
        self.rate, self.at_once, self.most = rate, at_once, most
        self._hosts: dict[str, _Host] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._count = self._open = 0  # numbers entries of the heap; addresses that are neither done nor given up
        self._lock = threading.Lock()
        self._room, self._work = threading.Condition(self._lock), threading.Condition(self._lock)
        self._closed = self._stopped = False

    def put(self, address: str) -> None:
        """Take an address in; waits while too many are on their way. Nothing after `stop`."""
        item = Waiting(address, host_of(address))
        with self._lock:
            self._room.wait_for(lambda: self._open < self.most or self._closed)
            if not self._closed:
                self._open += 1
                self._add(item)

    def take(self) -> Waiting | None:
        """The next address that may be asked now, waiting for it; None when all are done or work was stopped."""
        with self._lock:
            while True:
                if self._stopped or (self._closed and not self._open):
                    return None
                now = time.monotonic()
                while self._heap and (late := self._hosts[self._heap[0][2]].ready) > self._heap[0][0]:
                    heapq.heapreplace(self._heap, (late, *self._heap[0][1:]))  # it was put off since
                if self._heap and self._heap[0][0] <= now:
                    return self._next(now)
                self._work.wait(self._heap[0][0] - now if self._heap else None)

    def again(self, item: Waiting, wait: float) -> None:
        """Put an address back; its host is left alone for `wait` seconds."""
        with self._lock:
            host = self._hosts[item.host]
            host.busy -= 1
            host.ready = max(host.ready, time.monotonic() + wait)
            self._add(item)

    def done(self, item: Waiting) -> None:
        """An address will not be asked for again."""
        with self._lock:
            host = self._hosts[item.host]
            host.busy -= 1
            self._open -= 1
            self._list(item.host, host)
            self._forget()
            self._room.notify()
            if self._closed and not self._open:
                self._work.notify_all()

    def heard(self, item: Waiting, silent: bool) -> bool:
        """Say whether the host gave an answer → whether it is lost."""
        with self._lock:
            host = self._hosts[item.host]
            host.silent = host.silent + 1 if silent else 0
            return host.silent >= LOST

    def lost(self, item: Waiting) -> bool:
        """Whether the address's host was given up."""
        with self._lock:
            return self._hosts[item.host].silent >= LOST

    def close(self) -> None:
        """No more addresses will come."""
        with self._lock:
            self._closed = True
            self._work.notify_all()

    def stop(self) -> None:
        """Give up all that wait."""
        with self._lock:
            self._stopped = self._closed = True
            self._room.notify_all()
            self._work.notify_all()

    def _add(self, item: Waiting) -> None:
        host = self._hosts.setdefault(item.host, _Host())
        host.queue.append(item)
        self._list(item.host, host)

    def _list(self, name: str, host: _Host) -> None:
        if host.queue and host.busy < self.at_once and not host.listed:
            self._count += 1
            heapq.heappush(self._heap, (host.ready, self._count, name))
            host.listed = True
            self._work.notify()

    def _next(self, now: float) -> Waiting | None:
        _, _, name = heapq.heappop(self._heap)
        host = self._hosts[name]
        host.listed = False
        item = host.queue.popleft()
        host.busy += 1
        host.ready = max(host.ready, now) + 1 / self.rate if host.silent < LOST else now
        self._list(name, host)
        return item

    def _forget(self) -> None:
        """Hosts that nothing waits for, once there are many; those that were lost stay."""
        if len(self._hosts) <= KEPT + self.most:
            return
        now = time.monotonic()
        idle = [
            name
            for name, host in self._hosts.items()
            if not host.queue and not host.busy and host.ready <= now and host.silent < LOST
        ]
        for name in idle:
            del self._hosts[name]


def host_of(address: str) -> str:
    """Address → what it shares with others of its host; nothing where it is no address."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""

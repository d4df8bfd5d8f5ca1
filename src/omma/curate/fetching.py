"""Fetching: web addresses → their pictures in an annex, each asked for once, and a row of Parquet that says what became of each.

    annex/web/ab/ab12...         the bytes, by the hash of the address (`media.store.annexed`)
    annex/status/000000.parquet  a row an address: code, error, bytes, sha256, content type, tries, seconds

A killed run goes on where it was: what is there is not asked for again, and neither is what failed for good (404, a page in
place of a picture); time-outs, 429 and 5xx are tried anew by the next run. Proxies of the environment are not used.
"""

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path

from omma.core.config import Config, config
from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.files import file_hash
from omma.core.progress import Bar
from omma.curate.reader import printable
from omma.curate.web.deadlines import Deadlines
from omma.curate.web.download import Limits, Reply, download
from omma.curate.web.hosts import Hosts, Waiting
from omma.curate.web.statuses import Book, Errors, Keys, Status, key_of
from omma.media.store import WEB, annexed

STATUS = "status"
AHEAD = 32  # addresses taken in for each thread, so that one slow host does not hold up the others
LONGEST_WAIT = 60.0  # seconds that a host may ask for before it is left to the next run


@config
class Fetch(Config):
    """How pictures are fetched.

    `threads` addresses are asked for at a time, `per_host` of one host and at most `rate` a second there. One fails after
    `timeout` seconds without a byte, `longest` in all, or `max_bytes`; `retries` are tries after the first, the first of
    them `pause` seconds later and each later by twice that. `private` allows addresses of this machine and its network.
    """

    threads: int = 32
    per_host: int = 4
    rate: float = 10.0
    timeout: float = 20.0
    longest: float = 120.0
    max_bytes: int = 50_000_000
    retries: int = 2
    pause: float = 1.0
    private: bool = False
    user_agent: str = "omma/0.1 (curation of images and texts)"

    def check(self) -> None:
        for name in ("threads", "per_host", "rate", "timeout", "longest", "max_bytes"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"fetch.{name}", str(getattr(self, name)), "more than 0")
        for name in ("retries", "pause"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fetch.{name}", str(getattr(self, name)), "0 or more")
        if not self.user_agent.isprintable() or not self.user_agent.isascii():
            raise ConfigError("fetch.user_agent", repr(self.user_agent), "one line of ASCII")


def fetch(addresses: Iterable[str], annex: Path, settings: Fetch) -> None:
    """Web addresses → files in the annex and their statuses. Whatever is wrong with one of them is its status.

    `addresses` are taken one by one as others are done, however many there are. DataError for what is no web address, or
    if another process fetches into the same annex; CheckpointError if the disk is full.
    """
    total = len(addresses) if isinstance(addresses, Sized) else None
    with _alone(annex / STATUS), Bar("fetch", total) as bar, Deadlines() as deadlines:
        work = _Work(annex, settings, bar, deadlines)
        try:
            work.run(addresses)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            fix = "free some space and run the same command again; what was fetched is kept"
            raise CheckpointError(str(annex), "the disk is full", "", fix) from None
        finally:
            work.book.close()


def errors(annex: Path) -> Errors:
    """Annex → a lookup: `errors(annex).get(address)` is why it could not be fetched, "" where it was or nobody tried."""
    return Errors(annex / STATUS)


class _Work:
    """One run: threads that ask, and what they share."""

    def __init__(self, annex: Path, settings: Fetch, bar: Bar, deadlines: Deadlines) -> None:
        self.annex, self.settings, self.bar, self.deadlines = annex, settings, bar, deadlines
        self.book = Book(annex / STATUS)
        self.hosts = Hosts(settings.rate, settings.per_host, AHEAD * settings.threads)
        self.limits = Limits(settings.timeout, settings.longest, settings.max_bytes, settings.private, settings.user_agent)
        self.lock = threading.Lock()
        self.seen = Keys()  # by this run
        self.asked = self.failed = 0
        self.started = time.monotonic()
        self.fault: BaseException | None = None

    def run(self, addresses: Iterable[str]) -> None:
        """All addresses, to the end; what stops a thread stops all."""
        threads = [threading.Thread(target=self._thread, name=f"fetch-{n}", daemon=True) for n in range(self.settings.threads)]
        for thread in threads:
            thread.start()
        try:
            for address in addresses:
                if self.fault is not None:
                    break
                if self._wanted(address):
                    self.hosts.put(address)
            self.hosts.close()
            for thread in threads:
                thread.join()
        finally:
            self.hosts.stop()
            if any(thread.is_alive() for thread in threads):
                self.deadlines.hurry()
            for thread in threads:
                thread.join()
        if self.fault is not None:
            raise self.fault

    def _wanted(self, address: str) -> bool:
        """Address → whether it has to be asked for; what is there without a status gets one."""
        if not address.startswith(WEB):
            raise DataError(address, "no web address", "one that begins with http:// or https://")
        file = annexed(address)
        key, path = key_of(file), self.annex / file
        with self.lock:
            if key in self.seen:
                self.bar.advance()
                return False
            self.seen.add(key)
            there, known = path.is_file(), key in self.book.there
            if there or key in self.book.failed:
                if there and not known:
                    self.book.add(Status(printable(address), file, 0, "", False, path.stat().st_size, file_hash(path), "", 0, 0.0))
                self.bar.advance()
                return False
        return True

    def _thread(self) -> None:
        try:
            while item := self.hosts.take():
                self._one(item)
        except BaseException as error:  # told by the thread that waits for this one
            self.fault = error
            self.hosts.stop()

    def _one(self, item: Waiting) -> None:
        """Ask once; then it is there, or waits for another try, or has failed."""
        path = self.annex / annexed(item.address)
        part = path.with_name(f".{path.name}.part")
        if self.hosts.lost(item):
            self._finish(item, Reply(error="host gives no answer", again=True), part, path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        reply = download(item.address, part, self.limits, self.deadlines)
        item.tries, item.seconds = item.tries + 1, item.seconds + time.monotonic() - started
        lost = self.hosts.heard(item, reply.silent)
        wait = max(reply.wait, self.settings.pause * 2 ** (item.tries - 1))
        if reply.again and item.tries <= self.settings.retries and wait <= LONGEST_WAIT and not lost:
            self.hosts.again(item, wait)
        else:
            self._finish(item, reply, part, path)

    def _finish(self, item: Waiting, reply: Reply, part: Path, path: Path) -> None:
        """The row first, then the file: a row without its file is asked for again, a file without its row would lose it."""
        file, seconds = annexed(item.address), round(item.seconds, 3)
        held = (reply.num_bytes, reply.sha256, reply.content_type[:200])
        status = Status(printable(item.address), file, reply.code, reply.error, reply.again, *held, item.tries, seconds)
        with self.lock:
            self.book.add(status)
            if reply.error:
                part.unlink(missing_ok=True)
            else:
                os.replace(part, path)
            self.asked, self.failed = self.asked + 1, self.failed + bool(reply.error)
            self.bar.advance(1, self._note())
        self.hosts.done(item)

    def _note(self) -> str:
        rate = self.asked / max(time.monotonic() - self.started, 1e-9)
        left = f", {(self.bar.total - self.bar.done) / rate / 60:,.0f} min left" if self.bar.total is not None else ""
        return f"{rate:,.1f}/s, {self.failed:,} failed{left}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two runs would write the same tables."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fix = "wait for it, or give each run an annex of its own"
            raise DataError(str(folder), "another process is fetching into this annex", "one at a time", fix) from None
        yield

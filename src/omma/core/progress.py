"""Progress: a bar on a terminal, plain lines elsewhere. `for item in track(items, "curate", total=n): ...`"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False)
PLAIN_SECONDS = 10.0
PACE_SECONDS = 60.0
Item = TypeVar("Item")


class Bar:
    """A named task of known (or unknown) length. `advance` moves it; `note` is shown behind it."""

    def __init__(self, name: str, total: int | None) -> None:
        self.name, self.total, self.done, self.note = name, total, 0, ""
        self.started = self.told = time.monotonic()
        self.said = 0  # how much was done when it last told
        self.paces = deque([(self.started, 0)])  # when how much was done, lately
        self.rich: Progress | None = None

    def __enter__(self) -> Self:
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self.rich = Progress(*columns, TextColumn("{task.fields[note]}"), console=console, speed_estimate_period=PACE_SECONDS)
            self.rich.start()
            self.task = self.rich.add_task(self.name, total=self.total, note="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.rich is not None:
            self.rich.stop()
        elif self.done and self.said != self.done:
            self._tell()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move by `steps`, replacing the note."""
        self.done, self.note = self.done + steps, note or self.note
        now = time.monotonic()
        self.paces.append((now, self.done))
        while len(self.paces) > 2 and now - self.paces[1][0] > PACE_SECONDS:
            self.paces.popleft()
        if self.rich is not None:
            self.rich.update(self.task, advance=steps, note=self.note)
        elif time.monotonic() - self.told > PLAIN_SECONDS:
            self._tell()

    def _tell(self) -> None:
        self.told, self.said = time.monotonic(), self.done
        of = f"/{self.total}" if self.total is not None else ""
        left = f", {self._left()} left" if self.total and self.done < self.total else ""
        took = f"{self.told - self.started:.0f} s{left}"
        console.print(f"{self.name} {self.done}{of} in {took} {self.note}".rstrip(), markup=False)

    def _left(self) -> str:
        """Time that the rest takes at the pace of the last minute: what a resumed job found done already is no measure."""
        (first, done), (last, now) = self.paces[0], self.paces[-1]
        pace = (now - done) / max(last - first, 1e-9)
        return str(timedelta(seconds=round(((self.total or 0) - now) / pace))) if pace > 0 else "unknown"


def track(items: Iterable[Item], name: str, total: int | None = None) -> Iterator[Item]:
    """Pass items through, showing progress."""
    with Bar(name, total) as bar:
        for item in items:
            yield item
            bar.advance()


def say(text: str) -> None:
    """One line to the person, beside the bars."""
    console.print(text, markup=False, soft_wrap=True)


@cache
def say_once(text: str) -> None:
    """Say it, but not a second time in this process."""
    say(text)

"""Signals: SIGTERM or Ctrl-C → finish the step, write a checkpoint, leave; a second Ctrl-C leaves at once."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from omma.core.errors import OmmaError
from omma.core.progress import say


class Stopped(OmmaError):
    """Training ended early on request; its checkpoint is written and the same command continues it."""


class StopFlag:
    """`with StopFlag() as stop:` turns the first signal into `stop.wanted` and gives the second its usual effect."""

    def __init__(self) -> None:
        self.wanted = False
        self.owner = os.getpid()
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                self.previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.owner:
            return  # a forked loader worker: it works on until this process has no more use for it
        self.wanted = True
        self._restore()
        say(f"{signal.Signals(number).name}: finishing this step, then writing a checkpoint (again: stop at once)")

    def _restore(self) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

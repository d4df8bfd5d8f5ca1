"""Verify: two mathematical answers → whether math-verify holds them for equal, asked in a process that can be stopped."""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
import time

START = 60.0  # seconds that importing the library may take
COMMAND = (sys.executable, "-m", "omma.metrics.math.verifier")
LONGEST = 20_000  # characters handed over


def verified(said: str, gold: str, seconds: float) -> bool | None:
    """Answer + gold → math-verify's verdict, or None: it is not installed, took longer than `seconds`, or failed."""
    with _LOCK:
        return _WORKER.ask(said, gold, seconds) if max(len(said), len(gold)) <= LONGEST else None


class _Worker:
    """One process for all questions of this one; started when first asked, and anew after one that had to be stopped."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.owner = 0
        self.absent = False

    def ask(self, said: str, gold: str, seconds: float) -> bool | None:
        if self.absent or not self.running():
            return None
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps([said, gold]) + "\n")
            self.process.stdin.flush()
        except OSError:
            self.stop()
            return None
        verdict = self.line(seconds)
        return verdict if isinstance(verdict, bool) else None

    def running(self) -> bool:
        """Whether a process of our own is there to be asked; a forked child starts its own."""
        if self.process is not None and self.owner == os.getpid() and self.process.poll() is None:
            return True
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self.owner = os.getpid()
        self.absent = self.line(START) is not True
        if self.absent:
            self.stop()
        return not self.absent

    def line(self, seconds: float) -> object:
        """One line of the process as JSON; None, and the process stopped, if it takes longer or ends."""
        assert self.process is not None and self.process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(max(0.0, until - time.monotonic()))
        text = self.process.stdout.readline() if ready else ""
        if not text:
            self.stop()
            return None
        return json.loads(text)

    def stop(self) -> None:
        """End the process, if it is ours, and close its pipes."""
        process, self.process = self.process, None
        if process is None or self.owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was still to be written has no reader
                    continue


_LOCK = threading.Lock()
_WORKER = _Worker()
atexit.register(_WORKER.stop)

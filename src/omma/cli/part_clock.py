"""Part clock: named parts of a job → one log line each, with its own seconds (inner parts taken out) and peak memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from omma.core.runs import RunFolder
from omma.train.machine import memory


class PartClock:
    """The clock of one sitting over a run folder."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.inner = [0.0]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block under `name`; a part inside a part counts for itself only."""
        began = time.perf_counter()
        self.inner.append(0.0)
        try:
            yield
        finally:
            whole, inner = time.perf_counter() - began, self.inner.pop()
            self.inner[-1] += whole
            self.run.log.write(event="part", part=name, seconds=round(whole - inner, 3), **memory(torch.device("cpu")))

"""Clock: where a step's time goes: seconds per section, by marks around code and by hooks on the model's parts."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

PARTS = {"encoder": "vision", "connector": "connector", "language": "language"}


class Clock:
    """Seconds per section since the last `split`. On CUDA, events are recorded and read only when split, without stalling."""

    def __init__(self, device: torch.device) -> None:
        self.events = device.type == "cuda"
        self.seconds: dict[str, float] = defaultdict(float)
        self.pending: list[tuple[str, Any, Any]] = []
        self.started = time.perf_counter()

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Count the block under `name`."""
        begin = self._mark()
        yield
        self._count(name, begin)

    @contextmanager
    def watch(self, module: nn.Module) -> Iterator[None]:
        """Count the forward passes of the model's encoder, connector and language model while the block runs."""
        handles = []
        for part, name in PARTS.items():
            child = dict(module.named_children()).get(part)
            if child is not None:
                handles += self._hook(child, name)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def split(self) -> tuple[float, dict[str, float]]:
        """(seconds since the last split, seconds per section), and start again."""
        if self.pending:
            torch.cuda.synchronize()
        for name, begin, end in self.pending:
            self.seconds[name] += begin.elapsed_time(end) / 1000
        now = time.perf_counter()
        total, seconds = now - self.started, dict(self.seconds)
        self.seconds, self.pending, self.started = defaultdict(float), [], now
        return total, seconds

    def _hook(self, child: nn.Module, name: str) -> list[Any]:
        begins: list[Any] = []
        before = child.register_forward_pre_hook(lambda *_: begins.append(self._mark()))
        after = child.register_forward_hook(lambda *_: self._count(name, begins.pop()))
        return [before, after]

    def _mark(self) -> Any:
        if not self.events:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _count(self, name: str, begin: Any) -> None:
        if self.events:
            self.pending.append((name, begin, self._mark()))
        else:
            self.seconds[name] += time.perf_counter() - begin

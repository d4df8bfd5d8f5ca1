"""Parallel: the ranks that `torchrun` started, as one World; a single process is a world of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from omma.core.errors import ConfigError
from omma.nn.device import pick_device

Value = TypeVar("Value")
TIMEOUT = timedelta(hours=6)  # evaluation on rank 0 between stages keeps the others waiting


@dataclass(frozen=True, slots=True)
class World:
    """This process among all: `rank` of `size`, on `device`. Sums and gathers are no-ops in a world of one."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this rank writes files and talks to the person."""
        return self.rank == 0

    def sum_(self, value: Tensor) -> Tensor:
        """Sum over ranks, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def gather(self, value: Value) -> list[Value]:
        """One picklable value of every rank, on every rank. Only between ranks of one run, never from a file."""
        if self.size == 1:
            return [value]
        found = [value] * self.size
        dist.all_gather_object(found, value)
        return found

    def share_(self, module: nn.Module) -> None:
        """Give every rank the parameters and buffers of rank 0."""
        if self.size > 1:
            for value in [*module.parameters(), *module.buffers()]:
                dist.broadcast(value.detach(), src=0)

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def world(device: str = "cpu") -> Iterator[World]:
    """Device kind → the world that the environment describes (RANK, WORLD_SIZE, LOCAL_RANK as torchrun sets them)."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    kind = pick_device(device)
    if size == 1:
        yield World(0, 1, torch.device(kind))
        return
    missing = [name for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ConfigError("environment", f"WORLD_SIZE={size} without {', '.join(missing)}", "all of them", "start with torchrun")
    local = int(os.environ["LOCAL_RANK"])
    place = torch.device("cuda", local) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield World(int(os.environ["RANK"]), size, place)
    finally:
        dist.destroy_process_group()

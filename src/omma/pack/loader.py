"""Loader: plan → per step the tuple of this rank's micro-batches. Its whole state is the plan and the step.

The order is the plan's whatever the number of worker processes; it begins at any step at no cost.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader

from omma.core.errors import DataError
from omma.core.ledger import Entry
from omma.media.store import Store
from omma.pack.codec import Codec
from omma.pack.pixels import Pixels
from omma.pack.steps import Share, Step, Steps
from omma.schema.batch import Batch
from omma.schema.plan import Plan
from omma.schema.sample import Sample
from omma.schema.talk import Eye

PREFETCH = 2  # steps that each worker makes ahead


def ignore(entry: Entry) -> None:
    """The `on_error` of a caller that keeps no ledger."""


class Loader:
    """Iterating gives one `tuple[Batch, ...]` per step, from `start_step` to the end of the plan.

    `samples` are those that the plan numbers. A sample whose picture cannot be read is left out of its batch and told
    to `on_error`; after more than `max_errors` of them the run stops with DataError. `cache_bytes` bounds the decoded
    pictures that each process keeps.
    """

    def __init__(
        self,
        plan: Plan,
        samples: Sequence[Sample],
        codec: Codec,
        eye: Eye,
        store: Store,
        *,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        micro_batches: int = 1,
        start_step: int = 0,
        on_error: Callable[[Entry], None] = ignore,
        max_errors: int = 100,
        cache_bytes: int = 256 << 20,
    ) -> None:
        pixels = Pixels(store, eye, cache_bytes)
        self.steps = Steps(plan, samples, codec, eye, pixels, Share(rank, ranks, micro_batches))
        self.plan, self.workers, self.start_step = plan, workers, start_step
        self.on_error, self.max_errors = on_error, max_errors
        self.errors = 0

    def __len__(self) -> int:
        return max(self.plan.num_steps - self.start_step, 0)

    def __iter__(self) -> Iterator[tuple[Batch, ...]]:
        for number, step in enumerate(self._read(), self.start_step):
            for entry in step.entries:
                self.errors += 1
                self.on_error(entry)
                if self.errors > self.max_errors:
                    got = f"{self.errors} pictures could not be read by step {number}; the last: {entry.reason}"
                    raise DataError("loader", got, f"at most {self.max_errors}", "curate the data again, or raise max_errors")
            if step.error is not None:
                raise step.error
            yield step.batches

    def _read(self) -> Iterator[Step]:
        wanted = range(self.start_step, self.plan.num_steps)
        if not self.workers:
            yield from (self.steps[step] for step in wanted)
            return
        with _single_tokenizer(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # the number of workers is the user's wish
            loader = DataLoader(
                self.steps,
                batch_size=None,
                sampler=wanted,
                num_workers=self.workers,
                prefetch_factor=PREFETCH,
                collate_fn=_as_is,
                worker_init_fn=_one_thread,
            )
            steps = iter(loader)
        yield from steps


def _as_is(step: Any) -> Step:
    return step


def _one_thread(worker: int) -> None:
    """Workers share the machine with the model: one thread each."""
    torch.set_num_threads(1)


@contextmanager
def _single_tokenizer() -> Iterator[None]:
    """While workers are forked: the tokenizer's threads do not survive a fork, and it says so on stderr unless told."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

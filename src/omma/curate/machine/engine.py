"""Engine: a function and jobs → results in the order of the jobs, here, in worker processes or on a cluster, all the same.

A job names its inputs and its output by path and is done once: a function that finds the output there only reads it. So
a killed run begun again repeats nothing that was finished, and the number of workers changes no byte.
"""

import multiprocessing
import signal
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from omma.core.config import Config, config
from omma.core.errors import ConfigError, DataError

Job = TypeVar("Job")
Result = TypeVar("Result")
AHEAD = 3  # jobs a worker has waiting: results come in order, and no more jobs are made than can be worked on


@runtime_checkable
class Mortal(Protocol):
    """A job that can say how to go on after its process has died."""

    def after_death(self) -> Self:
        """The job to try next: a more careful one, or one without what it died of."""


@config
class Engine(Config):
    """Where shards are worked on. `rows` and `pictures` are the sizes of shards; no output depends on them.

    `models` is how many processes may hold a model that operators ask: the job's own, or as many of a cluster's.
    """

    rows: int = 4096
    pictures: int = 256
    models: int = 1

    def check(self) -> None:
        if min(self.rows, self.pictures, self.models) < 1:
            raise ConfigError("run.engine", f"rows {self.rows}, pictures {self.pictures}, models {self.models}", "1 or more")

    @abstractmethod
    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
        """Jobs → results, in order, with few jobs in flight. `work` is a module's own function, jobs are picklable.

        A job whose process dies is tried again alone, as its `after_death` says. DataError if it cannot go on.
        """


@config
class Pool(Engine):
    """Processes of this machine; below two workers, this process."""

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
        """In fresh processes, not forks: a fork of a process that runs threads (torch, arrow) may hang."""
        if workers < 2:
            yield from map(work, jobs)
            return
        coming = iter(jobs)
        first = [job for job in (next(coming, None), next(coming, None)) if job is not None]
        if len(first) < 2:
            yield from map(work, first)
            return
        waiting: deque[tuple[Job, Future[Result]]] = deque()
        pool = _fresh(workers)
        try:
            for job in _chained(first, coming):
                waiting.append((job, pool.submit(work, job)))
                if len(waiting) >= workers * AHEAD:
                    result, pool = _next(work, waiting, pool, workers)
                    yield result
            while waiting:
                result, pool = _next(work, waiting, pool, workers)
                yield result
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _next(
    work: Callable[[Job], Result], waiting: "deque[tuple[Job, Future[Result]]]", pool: ProcessPoolExecutor, workers: int
) -> tuple[Result, ProcessPoolExecutor]:
    """The first job's result, and the pool to go on with: a new one, with what was waiting, if it broke."""
    job, future = waiting.popleft()
    try:
        return future.result(), pool
    except BrokenProcessPool:
        pool.shutdown(wait=True, cancel_futures=True)
        result = _alone(work, job)
        fresh = _fresh(workers)
        for _ in range(len(waiting)):
            later, old = waiting.popleft()
            done = old.done() and not old.cancelled() and old.exception() is None
            waiting.append((later, old if done else fresh.submit(work, later)))
        return result, fresh


def _alone(work: Callable[[Job], Result], job: Job) -> Result:
    """A job whose pool broke, perhaps of another's fault, in a process of its own, as often as it dies and can go on."""
    while True:
        with _fresh(1) as pool:
            try:
                return pool.submit(work, job).result()
            except BrokenProcessPool:
                if not isinstance(job, Mortal):
                    fix = "give it more memory, or run the same command again with run.curate_workers=0: what was done is kept"
                    raise DataError("curate", "a worker process died, perhaps for want of memory", "", fix) from None
        job = job.after_death()


def _fresh(workers: int) -> ProcessPoolExecutor:
    # Ctrl-C reaches every process of the terminal: this one answers it, the workers finish their shard without a word.
    quiet = (signal.SIGINT, signal.SIG_IGN)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=signal.signal, initargs=quiet)


def _chained(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    yield from rest

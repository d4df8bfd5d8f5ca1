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
from itertools import chain, islice
from typing import Protocol, Self, TypeVar, runtime_checkable

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
    def crew(self, workers: int) -> "Crew":
        """Workers, to be used in a `with`: they come when there is work for more than one, and go at its end."""


class Crew:
    """Workers of one job. `run` may be called any number of times, one after the other."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *how: object) -> None:
        """Let the workers go."""

    @abstractmethod
    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Jobs → results, in order, with few jobs in flight. `work` is a module's own function, jobs are picklable.

        A job whose process dies is tried again alone, as its `after_death` says. DataError if it cannot go on.
        """


@config
class Pool(Engine):
    """Processes of this machine; below two workers, this process."""

    def crew(self, workers: int) -> Crew:
        """Fresh processes, not forks: a fork of a process that runs threads (torch, arrow) may hang."""
        return Processes(workers)


class Processes(Crew):
    """A pool of processes that is made anew when one of them dies."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pool: ProcessPoolExecutor | None = None

    def __exit__(self, *how: object) -> None:
        self._dismiss()

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """A single job is done in this process, and all are below two workers."""
        coming = iter(jobs)
        first = list(islice(coming, 2)) if self.workers > 1 else []
        if len(first) < 2:
            yield from map(work, chain(first, coming))
            return
        waiting: deque[tuple[Job, Future[Result]]] = deque()
        try:
            for job in chain(first, coming):
                waiting.append((job, self._hired().submit(work, job)))
                if len(waiting) >= self.workers * AHEAD:
                    yield self._next(work, waiting)
            while waiting:
                yield self._next(work, waiting)
        finally:
            for _, future in waiting:
                future.cancel()

    def _next(self, work: Callable[[Job], Result], waiting: "deque[tuple[Job, Future[Result]]]") -> Result:
        """The first job's result. If the pool broke over it, whatever waits is begun again in a new one."""
        job, future = waiting.popleft()
        try:
            return future.result()
        except BrokenProcessPool:
            self._dismiss()
            result = _alone(work, job)
            for _ in range(len(waiting)):
                later, old = waiting.popleft()
                done = old.done() and not old.cancelled() and old.exception() is None
                waiting.append((later, old if done else self._hired().submit(work, later)))
            return result

    def _hired(self) -> ProcessPoolExecutor:
        if self.pool is None:
            self.pool = _fresh(self.workers)
        return self.pool

    def _dismiss(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)
        self.pool = None


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

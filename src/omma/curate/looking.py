"""Looking: names of pictures → hash, size and every operator's look, in worker processes or in this one, with the same result."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from omma.core.errors import DataError
from omma.core.progress import Bar
from omma.curate.looks import Looked, Looks
from omma.curate.operator import PictureOperator, SetOperator
from omma.curate.picture import Picture
from omma.media.store import Store

Looker = PictureOperator | SetOperator
Job, Result = TypeVar("Job"), TypeVar("Result")
SHARD = 128  # pictures a worker takes at a time
SEGMENT = 8  # shards whose looks are written together


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a picture without decoding it. `error` says why it cannot be read; width and height 0: no header."""

    sha256: str = ""
    width: int = 0
    height: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A picture by name and the operators that have not looked at it."""

    uri: str
    lookers: tuple[Looker, ...]


def gather_facts(root: Path, uris: list[str], workers: int) -> dict[str, Facts]:
    """Data root + names → facts of each: the bytes' hash and the size that the header tells."""
    store = Store(root)
    jobs = [(store, uris[i : i + SHARD]) for i in range(0, len(uris), SHARD)]
    with Bar("read pictures", len(uris)) as bar:
        facts: dict[str, Facts] = {}
        for (_, shard), found in zip(jobs, spread(_facts_of, jobs, workers), strict=True):
            facts.update(zip(shard, found, strict=True))
            bar.advance(len(shard))
    return facts


def gather_looks(root: Path, facts: dict[str, Facts], lookers: tuple[Looker, ...], looks: Looks, workers: int) -> None:
    """Fill `looks` for every readable picture and operator; equal pictures are looked at once."""
    tasks: dict[str, Task] = {}
    keyed = [(looker, looker.key) for looker in lookers]
    for uri, fact in facts.items():
        missing = tuple(looker for looker, key in keyed if (fact.sha256, key) not in looks)
        if fact.sha256 and missing:
            tasks.setdefault(fact.sha256, Task(uri, missing))
    todo, store = list(tasks.values()), Store(root)
    jobs = [(store, todo[i : i + SHARD]) for i in range(0, len(todo), SHARD)]
    pending: list[Looked] = []
    with Bar("look at pictures", len(todo)) as bar:
        for number, found in enumerate(spread(_looks_of, jobs, workers), 1):
            pending += found
            bar.advance(len(jobs[number - 1][1]))
            if number % SEGMENT == 0 or number == len(jobs):
                looks.keep(pending)
                pending = []


def spread(work: Callable[[Job], Result], jobs: list[Job], workers: int) -> Iterator[Result]:
    """Jobs → results in order. Below two workers, or with a single job, here; else in fresh processes."""
    if workers < 2 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    # Fresh processes, not forks: a fork of a process that runs threads (torch, arrow) may hang.
    context = multiprocessing.get_context("spawn")
    size = min(workers, len(jobs))
    # Ctrl-C reaches every process of the terminal: this one answers it, the workers finish their shard without a word.
    quiet = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(size, mp_context=context, initializer=signal.signal, initargs=quiet) as pool:
        futures: list[Future[Result]] = [pool.submit(work, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            fix = "run the same command again with run.curate_workers=0: what was done is kept"
            raise DataError("curate", "a worker process died, perhaps for want of memory", "", fix) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _facts_of(job: tuple[Store, list[str]]) -> list[Facts]:
    store, uris = job
    return [_facts(store, uri) for uri in uris]


def _facts(store: Store, uri: str) -> Facts:
    try:
        picture = Picture(uri, store.read(uri))
    except DataError as error:
        return Facts(error=error.got)
    try:
        width, height = picture.size
    except DataError as error:
        return Facts(sha256=picture.sha256, error=error.got)
    return Facts(picture.sha256, width, height)


def _looks_of(job: tuple[Store, list[Task]]) -> list[Looked]:
    store, tasks = job
    keys: dict[str, str] = {}
    for looker in (looker for task in tasks for looker in task.lookers):
        if looker.name not in keys:  # a key is a hash: once a shard, not once a picture
            keys[looker.name] = looker.key
    return [looked for task in tasks for looked in _look(store, task, keys)]


def _look(store: Store, task: Task, keys: dict[str, str]) -> Iterator[Looked]:
    picture = Picture(task.uri, store.read(task.uri))
    for looker in task.lookers:
        key = keys[looker.name]
        try:
            look = looker.look(picture)
        except DataError as error:
            yield Looked(picture.sha256, key, np.zeros(0), error.got)
        except Exception as error:  # an operator that fails on a picture must not take the job with it: its row says so
            yield Looked(picture.sha256, key, np.zeros(0), f"{type(error).__name__}: {error}", lasting=False)
        else:
            yield Looked(picture.sha256, key, look)

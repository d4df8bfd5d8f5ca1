"""Threads: the shard functions as threads of this one process: the least memory, where most of the work is decoding.

Pillow, hashing, Parquet and DuckDB let other threads work meanwhile; operators written in Python take turns. A worker of `Pool`
costs some 70 MiB more and is faster where operators are many, and a crash of it costs one picture: here it costs the job.
"""

import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from omma.core.config import config
from omma.curate.machine.engine import AHEAD, Crew, Engine, Job, Result


@config
class Threads(Engine):
    """Threads of this process."""

    def crew(self, workers: int) -> Crew:
        """As many threads as workers, at least one."""
        return Hands(max(workers, 1))


class Hands(Crew):
    """Threads of one job."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="curate")

    def __exit__(self, *how: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Each thread gets a copy of its job: what a store keeps open is shared with no other."""
        waiting: deque[Future[Result]] = deque()
        with warnings.catch_warnings():
            # Decoding silences Pillow for its own while; threads that leave in another order than they came would end it early.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            try:
                for job in jobs:
                    waiting.append(self.pool.submit(_copied, work, job))
                    if len(waiting) >= self.workers * AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _copied(work: Callable[[Job], Result], job: Job) -> Result:
    return work(pickle.loads(pickle.dumps(job)))

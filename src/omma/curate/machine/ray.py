"""Ray: the same shard functions as tasks of a Ray cluster (extra `ray`), results in order, the same bytes.

Every machine of the cluster sees the run folder and the data root under the same paths (a shared file system).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.machine.engine import AHEAD, Crew, Engine, Job, Mortal, Result


@config
class Ray(Engine):
    """`address` of a running cluster (`auto` for the one of this machine); empty: a cluster of this machine for this run.

    `run.curate_workers` says how many tasks run at once, `cpus` how many processors each asks for.
    """

    address: str = ""
    cpus: float = 1.0

    def crew(self, workers: int) -> Crew:
        """A connection to the cluster; ConfigError without Ray."""
        try:
            import ray  # noqa: PLC0415  (an extra)
        except ImportError:
            raise ConfigError("run.engine", "Ray is not installed", "the extra `ray`", "pip install 'omma[ray]'") from None
        return Tasks(ray, self, max(workers, 1))


class Tasks(Crew):
    """Tasks of a cluster. Ray's own retries are off, so that a job that kills its process is known."""

    def __init__(self, ray: Any, engine: Ray, workers: int) -> None:
        self.ray, self.engine, self.workers, self.ours = ray, engine, workers, False

    def __exit__(self, *how: object) -> None:
        if self.ours:
            self.ray.shutdown()

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """As tasks, from the first job on."""
        self._connect()
        task = self.ray.remote(num_cpus=self.engine.cpus, max_retries=0)(_call)
        waiting: deque[tuple[Job, Any]] = deque()
        for job in jobs:
            waiting.append((job, task.remote(work, job)))
            if len(waiting) >= self.workers * AHEAD:
                yield self._result(task, work, *waiting.popleft())
        while waiting:
            yield self._result(task, work, *waiting.popleft())

    def _connect(self) -> None:
        if self.ray.is_initialized():
            return
        address = self.engine.address
        how = {"address": address} if address else {"num_cpus": self.workers, "include_dashboard": False}
        self.ray.init(log_to_driver=False, configure_logging=False, **how)
        self.ours = True

    def _result(self, task: Any, work: Callable[[Job], Result], job: Job, reference: Any) -> Result:
        ray = self.ray
        while True:
            try:
                result: Result = ray.get(reference)
                return result
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError):
                if not isinstance(job, Mortal):
                    fix = "give it more memory and run the same command again: what was done is kept"
                    raise DataError("curate", "a worker process died, perhaps for want of memory", "", fix) from None
                job = job.after_death()
                reference = task.remote(work, job)


def _call(work: Callable[[Job], Result], job: Job) -> Result:
    return work(job)

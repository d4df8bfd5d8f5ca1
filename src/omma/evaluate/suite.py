"""Suite: benchmarks under one name, as `omma eval MODEL NAME` takes them. The recipes of suites lie in `omma_recipes.suites`."""

from pathlib import Path

from omma.core.config import Config, config
from omma.core.errors import ConfigError, DataError
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.question import Supply


@config
class Suite(Config):
    """`id` is its name on the command line and in the catalogue; one benchmark alone is a suite, too."""

    id: str
    title: str
    benchmarks: tuple[Benchmark, ...]

    def check(self) -> None:
        names = [benchmark.name for benchmark in self.benchmarks]
        if not names:
            raise ConfigError(f"suite {self.id}", "no benchmarks", "at least one")
        if len(set(names)) != len(names):
            raise ConfigError(f"suite {self.id}", f"names {', '.join(names)}", "each name once: it names a file")


@config
class Distilled(Suite):
    """A few questions of each of many benchmarks. Whoever has not all of them is scored on those that are there, and told so.

    Its scores lie in a folder of their own: a few questions of a benchmark are not that benchmark.
    """

    def found(self, root: Path) -> tuple[tuple[Benchmark, ...], dict[str, str]]:
        """Data root → the parts whose questions are there, and why each of the others is not. DataError if none is."""
        there, absent = [], {}
        for benchmark in self.benchmarks:
            try:
                benchmark.questions(Supply(root=root))
            except DataError as error:
                absent[benchmark.name] = str(error)
            else:
                there.append(benchmark)
        if not there:
            names = ", ".join(absent)
            raise DataError(
                str(root), f"none of the parts of {self.id}", f"at least one of {names}", "give their folder with --data FOLDER"
            )
        return tuple(there), absent

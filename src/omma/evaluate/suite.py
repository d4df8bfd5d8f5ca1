"""Suite: benchmarks under one name, as `omma eval MODEL NAME` takes them. The recipes of suites lie in `omma_recipes.suites`."""

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.evaluate.benchmark import Benchmark


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

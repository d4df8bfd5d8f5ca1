"""Data: where samples come from, what is held out, which operators they pass. The `data` subtree of a recipe."""

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.curate.fetching import Fetch
from omma.curate.operator import Operator
from omma.curate.reader import Reader
from omma.curate.world import World


@config
class Data(Config):
    """Raw data and its curation.

    `root` is the data folder, empty where `world` is drawn (into the run's `raw/`). `sources` are read for training,
    `heldout` for scores alone; `holdout` is the share of pictures (by hash of their content) that is held out of
    `sources` where no `heldout` is given. `max_errors` stops a job gone wrong: below 1 it is a share of all rows, else
    a count; so do `max_errors_in_a_row` pictures that cannot be read one after the other (0: never). `turns`
    joins up to so many single questions about one picture into a conversation (1: none). `looks` is a folder shared by
    runs for what operators made of pictures, empty for one in the run folder. `fetch` says how pictures named by web
    addresses are fetched, once each; without it no network is ever used.
    """

    root: str = ""
    sources: dict[str, Reader]
    heldout: dict[str, Reader] = {}
    holdout: float = 0.0
    operators: tuple[Operator, ...] = ()
    world: tuple[World, ...] = ()
    max_errors: float = 0.1
    max_errors_in_a_row: int = 1000
    turns: int = 1
    looks: str = ""
    fetch: Fetch | None = None

    def check(self) -> None:
        if not self.sources:
            raise ConfigError("data.sources", "none", "at least one reader by name")
        if self.root and self.world:
            raise ConfigError("data.root", f"{self.root!r} beside a drawn world", "one of the two", "leave data.root empty")
        if not 0 <= self.holdout < 1:
            raise ConfigError("data.holdout", str(self.holdout), "0 ≤ share < 1")
        if self.heldout and self.holdout:
            raise ConfigError("data.holdout", f"{self.holdout} beside heldout readers", "one of the two", "set data.holdout=0")
        if self.turns < 1:
            raise ConfigError("data.turns", str(self.turns), "at least 1 question a conversation")
        folders = [world.folder for world in self.world]
        if len(set(folders)) != len(folders) or "." in folders or "" in folders:
            raise ConfigError("data.world", f"folders {', '.join(map(repr, folders))}", "a folder of its own for each world")
        if self.max_errors_in_a_row < 0:
            raise ConfigError("data.max_errors_in_a_row", str(self.max_errors_in_a_row), "a count of pictures, or 0")
        if self.max_errors < 0:
            raise ConfigError("data.max_errors", str(self.max_errors), "a share below 1, or a count of rows")
        names = [operator.name for operator in self.operators]
        if len(set(names)) != len(names):
            raise ConfigError("data.operators", ", ".join(names), "each operator once")

"""Recipe: the whole way as one tree (model, data, stages, suite, run) with the claims that tests hold it to.

A recipe is a function without arguments that returns one; the command line takes its name, changes values by
`path=value`, and hands each room its own subtree.
"""

from typing import Literal

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.curate.data import Data
from omma.evaluate.benchmark import Benchmark
from omma.model.vlm import Vlm
from omma.train.stage import Stage
from omma.weights.start import Weights


@config
class Run(Config):
    """Where and how a recipe runs; it never changes what is learnt, but for `seed`."""

    folder: str = ""  # empty: runs/<recipe id>
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 2
    workers: int = 0  # worker processes that decode pictures for training
    curate_workers: int = 2
    log_every: int = 20  # steps
    checkpoint_every: int = 500  # steps
    keep_last: int = 2  # checkpoints of an unfinished stage


@config
class Claims(Config):
    """What the source of a recipe states, compared with what is built on the meta device.

    `visual_tokens` maps picture sizes ("672x336") to slots, `parameters` globs over parameter names to counts,
    `trainable` stage names to the parts that train ("connector").
    """

    source: str = ""
    visual_tokens: dict[str, int] = {}
    parameters: dict[str, int] = {}
    trainable: dict[str, tuple[str, ...]] = {}


@config
class Recipe(Config):
    """One row of the field as choices: `id` is the name in the catalogue of systems (or the recipe's own)."""

    id: str
    title: str
    model: Vlm
    data: Data
    stages: tuple[Stage, ...]
    suite: tuple[Benchmark, ...]
    run: Run = Run()
    claims: Claims = Claims()
    weights: Weights = Weights()

    def check(self) -> None:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ConfigError("stages", f"names {', '.join(names)}", "each name once")
        sources = self.data.sources
        for stage in self.stages:
            for source in stage.mixture:
                if source not in sources:
                    raise ConfigError(f"stages.{stage.name}.mixture", f"no source {source!r}", f"one of {', '.join(sources)}")

"""Recipe: the whole way as one tree (model, data, stages, suite, run) with the claims that tests hold it to.

A recipe is a function without arguments that returns one; the command line takes its name, changes values by
`path=value`, and hands each room its own subtree. A `Part` is a recipe of one slot alone: a published language model or tower.
A `Curation` is one of the data alone. A `Contrast` is the whole way of two towers that share a space.
"""

import math
from dataclasses import replace
from typing import Literal

from torch import nn

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.curate.data import Data
from omma.curate.machine.engine import Engine, Pool
from omma.evaluate.benchmark import Benchmark
from omma.model.dual import Dual, DualModule
from omma.model.slots import Encoder, Language
from omma.model.vlm import Vlm
from omma.schema.view import Unit, View
from omma.train.contrast import ContrastStage
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
    engine: Engine = Pool()  # where curation works
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


@config
class Curation(Config):
    """A published way to make data, as choices, which no stage trains on by itself. `id` is as of a recipe.

    `source` says where its numbers stand; `claims` maps some of them ("cluster_reduction.every": an operator and its field) to
    what is stated there. A recipe takes its `data`.
    """

    id: str
    title: str
    data: Data
    run: Run = Run()
    source: str = ""
    claims: dict[str, float] = {}


@config
class Contrast(Config):
    """Two towers from pictures with captions to a space that filters and benchmarks ask (`Space`). `id` is as of a recipe.

    `claims` has no visual tokens: a picture is one vector.
    """

    id: str
    title: str
    model: Dual
    data: Data
    stage: ContrastStage
    run: Run = Run()
    claims: Claims = Claims()

    def build(self) -> DualModule:
        """The module, with the parameter names that `claims.parameters` are globs over."""
        return self.model.build()


@config
class Part(Config):
    """A published part as choices, which no stage trains by itself. `id` is as of a recipe."""

    id: str
    title: str
    claims: Claims

    def build(self) -> nn.Module:
        """The module, with the parameter names that `claims.parameters` are globs over."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


@config
class LanguageModel(Part):
    """What stands in `model.language`, with as many rows of embedding and head as its release has."""

    language: Language
    vocab_size: int

    def tiny(self) -> "LanguageModel":
        """Few words."""
        return replace(self, language=self.language.tiny(), vocab_size=512)

    def build(self) -> nn.Module:
        return self.language.build(vocab_size=self.vocab_size)


@config
class VisionTower(Part):
    """What stands in `model.encoder`, with the view that makes the tiles it was trained on, their sides in whole squares of
    `merge` × `merge` patches.
    """

    view: View
    merge: int = 1
    encoder: Encoder

    def build(self) -> nn.Module:
        return self.encoder.build()

    def num_features(self, width: int, height: int) -> int:
        """Picture size in px → features that the tower hands on."""
        unit = Unit(self.encoder.patch, self.merge, temporal=self.encoder.temporal, cut=self.encoder.cut)
        grids = self.view.plan(width, height, unit).grids(self.encoder.patch)
        return sum(math.prod(self.encoder.grid((rows, columns))) for _, rows, columns in grids)

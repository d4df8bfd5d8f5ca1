"""Stage: what trains, on which mixture, towards which objective, how fast and how long. A recipe holds a tuple of them."""

from dataclasses import field
from typing import Literal

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.objective.next_token import NextToken
from omma.objective.objective import Objective
from omma.pack.plan import Budget
from omma.train.adapters.adapter import Adapter
from omma.train.adapters.whole import Whole
from omma.train.optimizers.adamw import AdamW
from omma.train.optimizers.optimizer import Optimizer
from omma.train.schedules.cosine import Cosine
from omma.train.schedules.schedule import Schedule


@config
class Steps(Config):
    """So many optimizer steps; the sources are read as often as that takes."""

    count: int

    def check(self) -> None:
        if self.count < 1:
            raise ConfigError("Steps.count", str(self.count), "at least 1")

    def tiny(self) -> "Steps":
        return Steps(count=min(self.count, 4))


@config
class Epochs(Config):
    """So many passes over the mixture."""

    count: float = 1.0

    def check(self) -> None:
        if self.count <= 0:
            raise ConfigError("Epochs.count", str(self.count), "more than 0")


@config
class Stage(Config):
    """One stage of training. It starts from the weights that the stage before left.

    `trains` are globs over parameter names; all else is frozen, but for what an `adapter` adds. `mixture` gives sources
    weights (empty: their natural proportions). `clip` bounds the global gradient norm (0: unbounded). `recompute` names
    whose activations are computed again in backward instead of kept. `validate_every` is in steps (0: only at the end of
    the stage), over at most `validate_bins` bins of held-out samples (0: all of them).
    """

    name: str
    trains: tuple[str, ...] = ("*",)
    adapter: Adapter = Whole()
    mixture: dict[str, float] = field(default_factory=dict)
    objective: Objective = NextToken()
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Cosine()
    budget: Budget = Budget()
    length: Steps | Epochs = Epochs()
    micro_batches: int = 1
    clip: float = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    recompute: Literal["nothing", "blocks"] = "nothing"
    not_finite: Literal["stop", "skip"] = "stop"
    validate_every: int = 0
    validate_bins: int = 16

    def check(self) -> None:
        where = f"stages.{self.name}"
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError("Stage.name", repr(self.name), "letters, digits, - and _ (it names files)")
        if not self.trains and self.adapter.needs_trains:
            raise ConfigError(f"{where}.trains", "no pattern", 'globs over parameter names, such as ("connector.*",)')
        if self.micro_batches < 1 or self.budget.bins_per_step % self.micro_batches:
            expected = f"a divisor of budget.bins_per_step = {self.budget.bins_per_step}"
            raise ConfigError(f"{where}.micro_batches", str(self.micro_batches), expected)
        for name in ("clip", "validate_every", "validate_bins"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{where}.{name}", str(getattr(self, name)), "at least 0")
        for source, weight in self.mixture.items():
            if weight < 0:
                raise ConfigError(f"{where}.mixture.{source}", str(weight), "a weight of at least 0")

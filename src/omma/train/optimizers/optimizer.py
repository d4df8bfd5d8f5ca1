"""Optimizer: named parameters → Updater, which steps them, scales their rates and gives its state as named tensors."""

from collections.abc import Mapping
from dataclasses import field
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.core.errors import CheckpointError, ConfigError
from omma.train.patterns import resolve

Named = Mapping[str, nn.Parameter]


@config
class Optimizer(Config):
    """How a stage's trained parameters move. `groups` maps globs over names to learning-rate factors; the first match counts."""

    groups: dict[str, float] = field(default_factory=dict)

    def check(self) -> None:
        for pattern, factor in self.groups.items():
            if factor < 0:
                raise ConfigError(f"{type(self).__name__}.groups.{pattern}", str(factor), "a factor of at least 0")

    def build(self, trained: Named) -> "Updater":
        """Trained parameters by name → what steps them. ConfigError for a glob or a setting that fits none of them."""
        raise NotImplementedError(f"{type(self).__name__} has no build")

    def split(self, kind: str, named: Named, lr: float, weight_decay: float, *, moments: int) -> list[dict[str, object]]:
        """Parameters → torch parameter groups `kind`, `kind:glob`, with and without weight decay (none below two dimensions).

        `moments` is how many values the kind remembers per parameter value.
        """
        found: dict[tuple[str, bool], dict[str, object]] = {}
        for name, parameter in named.items():
            pattern = next((pattern for pattern in self.groups if fnmatchcase(name, pattern)), "")
            decays = parameter.ndim >= 2
            label = f"{kind}:{pattern}" if pattern else kind
            rate = lr * self.groups.get(pattern, 1.0)
            fresh = {"params": [], "names": [], "label": label, "base_lr": rate, "lr": rate, "moments": moments}
            fresh["weight_decay"] = weight_decay if decays else 0.0
            group = found.setdefault((pattern, decays), fresh)
            group["params"].append(parameter)  # type: ignore[attr-defined]
            group["names"].append(name)  # type: ignore[attr-defined]
        return list(found.values())

    def require_groups(self, trained: Named) -> None:
        """ConfigError if a glob in `groups` matches none of the trained parameters."""
        resolve(self.groups, trained, where=f"{type(self).__name__}.groups")


class Updater:
    """One or more torch optimizers as one: a step at a share of the base rates, and state as tensors named by parameter."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers
        self.groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    def step(self, factor: float) -> None:
        """Move the parameters along their gradients at `factor` times the base learning rates."""
        for group in self.groups:
            group["lr"] = group["base_lr"] * factor
        for optimizer in self.optimizers:
            optimizer.step()

    @property
    def rates(self) -> dict[str, float]:
        """Current learning rate per group label."""
        return {group["label"]: group["lr"] for group in self.groups}

    @property
    def num_state_values(self) -> int:
        """Values that the optimizers will remember once they have stepped (counters aside)."""
        return sum(group["moments"] * sum(p.numel() for p in group["params"]) for group in self.groups)

    def state(self) -> dict[str, Tensor]:
        """`parameter|key` → tensor, for everything that the optimizers remember."""
        return {
            f"{name}|{key}": value
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for name, parameter in zip(group["names"], group["params"], strict=True)
            for key, value in optimizer.state[parameter].items()
        }

    def load(self, state: Mapping[str, Tensor], *, where: str) -> None:
        """Inverse of `state`, bit by bit. CheckpointError if the names are not those of the trained parameters."""
        owners = {
            name: (optimizer, parameter)
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for name, parameter in zip(group["names"], group["params"], strict=True)
        }
        held = {name.partition("|")[0] for name in state}
        strange, lacking = sorted(held - owners.keys()), sorted(owners.keys() - held)
        if strange or lacking:
            got = f"optimizer state for other parameters: {_some(strange)} too many, {_some(lacking)} missing"
            raise CheckpointError(where, got, "exactly those that this stage trains")
        for key, value in state.items():
            name, _, entry = key.partition("|")
            optimizer, parameter = owners[name]
            device = parameter.device if value.ndim else value.device  # AdamW keeps its step count where it was made
            optimizer.state[parameter][entry] = value.to(device).clone()


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"

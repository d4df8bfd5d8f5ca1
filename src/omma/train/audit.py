"""Audit: module + globs → what trains and what stands still, as numbers; and proof that the frozen part stood still."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from omma.train.patterns import resolve


@dataclass(frozen=True, slots=True)
class PartAudit:
    """One child of the model: its tensors and values, and how many of them train."""

    part: str
    tensors: int
    values: int
    trained_tensors: int
    trained_values: int


def freeze_all_but(module: nn.Module, patterns: Iterable[str], *, where: str) -> dict[str, nn.Parameter]:
    """Module + globs → the trained parameters by name, after setting `requires_grad` everywhere.

    ConfigError for a glob that matches nothing, naming the nearest parts.
    """
    parameters = dict(module.named_parameters())
    trained = set(resolve(patterns, parameters, where=where))
    for name, parameter in parameters.items():
        parameter.requires_grad_(name in trained)
        parameter.grad = None
    return {name: parameter for name, parameter in parameters.items() if name in trained}


def table(module: nn.Module) -> tuple[PartAudit, ...]:
    """Module made ready for a stage (meta device is enough) → one line per child that has parameters."""
    parameters = dict(module.named_parameters())
    trained = {name for name, parameter in parameters.items() if parameter.requires_grad}
    parts: dict[str, list[str]] = {}
    for name in parameters:
        parts.setdefault(name.partition(".")[0], []).append(name)
    return tuple(_part(part, {name: parameters[name] for name in names}, trained) for part, names in parts.items())


class FrozenProof:
    """Checksums of everything that must not move, taken before the first step; `verify` compares them after it.

    A sum of the raw bits as integers is exact, order-free and as fast as reading memory once.
    """

    def __init__(self, module: nn.Module) -> None:
        self.before = _checksums(module)

    def verify(self, module: nn.Module) -> None:
        """AssertionError naming the frozen tensors that moved: that is a defect of ours, not of a recipe."""
        moved = [name for name, value in _checksums(module).items() if self.before[name] != value]
        assert not moved, f"frozen tensors moved in a step: {', '.join(moved[:5])}"


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Tensors by name → 16 hex digits that change with any bit of them; shapes and names alone on the meta device."""
    sums = {name: 0 if value.is_meta else int(_bits(value).sum(dtype=torch.int64)) for name, value in tensors.items()}
    told = sorted((name, tuple(tensors[name].shape), total) for name, total in sums.items())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _part(part: str, parameters: Mapping[str, Tensor], trained: set[str]) -> PartAudit:
    moving = [parameter for name, parameter in parameters.items() if name in trained]
    values = sum(parameter.numel() for parameter in parameters.values())
    return PartAudit(part, len(parameters), values, len(moving), sum(parameter.numel() for parameter in moving))


def _checksums(module: nn.Module) -> dict[str, int]:
    still = {name: p for name, p in module.named_parameters() if not p.requires_grad} | dict(module.named_buffers())
    return {name: int(_bits(value).sum(dtype=torch.int64)) for name, value in still.items()}


def _bits(value: Tensor) -> Tensor:
    words = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return value.detach().contiguous().view(words[value.element_size()])

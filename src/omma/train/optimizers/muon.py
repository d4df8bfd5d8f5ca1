"""Muon: block matrices move along orthogonalised momentum (Jordan, 2024; torch.optim.Muon), all else by AdamW.

B ← μB + (1−μ)G;  O = NS₅(lerp(G, B, μ));  W ← W − lr·λ·W − lr·√max(1, rows/columns)·O. NS is a quintic Newton-Schulz
iteration that drives all singular values near 1. Matrices of one shape are iterated together, in fp32 on CPU (where
bf16 products are slow) and in bf16 on accelerators.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from fnmatch import fnmatchcase

import torch
from jaxtyping import Float
from torch import Tensor

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.train.optimizers.adamw import adamw, check_adamw
from omma.train.optimizers.optimizer import Named, Optimizer, Updater

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: steepest at zero, singular values end in about 0.7 to 1.2
ITERATIONS = 5


@config
class Muon(Optimizer):
    """Two-dimensional parameters under `matrices` (globs) by Muon; embeddings, heads, tables, norms and biases by AdamW."""

    lr: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.0
    matrices: tuple[str, ...] = ("*.blocks.*", "connector.*")
    adamw_lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8

    def check(self) -> None:
        super().check()
        check_adamw(type(self).__name__, min(self.lr, self.adamw_lr), self.betas)
        if not 0 <= self.momentum < 1:
            raise ConfigError("Muon.momentum", str(self.momentum), "a number from 0 to below 1")

    def build(self, trained: Named) -> Updater:
        self.require_groups(trained)
        by_muon = {name: p for name, p in trained.items() if p.ndim == 2 and any(fnmatchcase(name, glob) for glob in self.matrices)}
        if not by_muon:
            got = f"{', '.join(map(repr, self.matrices))} match no trained matrix"
            raise ConfigError("Muon.matrices", got, "globs over parameter names", "use AdamW for a stage that trains none")
        rest = {name: p for name, p in trained.items() if name not in by_muon}
        muon = OrthogonalMomentum(self.split("muon", by_muon, self.lr, self.weight_decay, moments=1), self.momentum)
        groups = self.split("adamw", rest, self.adamw_lr, self.weight_decay, moments=2)
        return Updater(muon, adamw(groups, self.betas, self.eps)) if rest else Updater(muon)


class OrthogonalMomentum(torch.optim.Optimizer):
    """The Muon step over matrices; those of one shape (or its transpose) are orthogonalised in one batch."""

    def __init__(self, groups: list[dict[str, object]], momentum: float) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            matrices = [p for p in group["params"] if p.grad is not None]
            if not matrices:
                continue
            updates = self._momentum([p.grad for p in matrices], matrices, group["momentum"])
            if group["weight_decay"]:
                torch._foreach_mul_(matrices, 1.0 - group["lr"] * group["weight_decay"])
            for (rows, columns), index in _same_shapes(matrices).items():
                factor = group["lr"] * math.sqrt(max(1.0, rows / columns))
                direction = orthogonalise(torch.stack([updates[i] for i in index]))
                torch._foreach_add_([matrices[i] for i in index], list(direction.to(matrices[0].dtype)), alpha=-factor)

    def _momentum(self, gradients: list[Tensor], matrices: list[Tensor], momentum: float) -> list[Tensor]:
        """Nesterov's look-ahead over the running mean of gradients."""
        for p in matrices:
            if "momentum" not in self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        means = [self.state[p]["momentum"] for p in matrices]
        torch._foreach_lerp_(means, gradients, 1.0 - momentum)
        return list(torch._foreach_lerp(gradients, means, momentum))


def orthogonalise(matrices: Float[Tensor, "n a b"]) -> Float[Tensor, "n a b"]:
    """Matrices → nearly the nearest (semi-)orthogonal ones: singular values near 1, singular vectors kept."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.to(torch.float32 if x.device.type == "cpu" else torch.bfloat16)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _same_shapes(matrices: list[Tensor]) -> dict[tuple[int, int], list[int]]:
    shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, matrix in enumerate(matrices):
        shapes[matrix.shape[0], matrix.shape[1]].append(i)
    return shapes

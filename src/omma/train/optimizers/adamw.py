"""AdamW: adaptive steps with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101); none on norms and biases."""

import torch

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.train.optimizers.optimizer import Named, Optimizer, Updater


@config
class AdamW(Optimizer):
    """Every trained parameter by AdamW."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def check(self) -> None:
        super().check()
        check_adamw(type(self).__name__, self.lr, self.betas)

    def build(self, trained: Named) -> Updater:
        self.require_groups(trained)
        return Updater(adamw(self.split("adamw", trained, self.lr, self.weight_decay, moments=2), self.betas, self.eps))


def adamw(groups: list[dict[str, object]], betas: tuple[float, float], eps: float) -> torch.optim.AdamW:
    """Parameter groups → torch's fused AdamW: one kernel for all tensors of a group, on CPU too. It has none for shapes alone."""
    real = all(p.device.type != "meta" for group in groups for p in group["params"])  # type: ignore[attr-defined]
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=eps, fused=real)


def check_adamw(where: str, lr: float, betas: tuple[float, float]) -> None:
    """ConfigError for a rate or betas that cannot be meant."""
    if lr < 0:
        raise ConfigError(f"{where}.lr", str(lr), "a rate of at least 0")
    if not all(0 <= beta < 1 for beta in betas):
        raise ConfigError(f"{where}.betas", str(betas), "two numbers from 0 to below 1")

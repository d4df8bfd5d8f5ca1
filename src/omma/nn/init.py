"""Initial weights: module + seed → the same weights whatever the order or the device in which its parts were made.

Matrices are normal with variance 1 / fan-in, outputs of residual branches smaller by √(2 · depth), embeddings normal
with 0.02, norms one, biases zero. A module that wants something else for its own parameters is `SelfScaled`.
"""

import torch
from torch import Tensor, nn

from omma.core.errors import ConfigError
from omma.core.seeds import derive
from omma.nn.norm import RmsNorm

EMBEDDING_STD = 0.02


class SelfScaled(nn.Module):
    """A module that says how its own parameters start."""

    def stds(self) -> dict[str, float]:
        """Name of each own parameter → standard deviation; those that are not named follow the common rules."""
        return {}

    def constants(self) -> dict[str, float]:
        """Name of each own parameter that starts as one value → that value."""
        return {}


class ResidualLinear(nn.Linear, SelfScaled):
    """The last matrix of a residual branch of a stack with `depth` blocks: starts smaller, so that depth does not add up."""

    def __init__(self, in_dim: int, out_dim: int, *, depth: int, bias: bool) -> None:
        super().__init__(in_dim, out_dim, bias=bias)
        self.depth = depth

    def stds(self) -> dict[str, float]:
        """Smaller than a plain matrix by √(2 · depth)."""
        return {"weight": (self.in_features * 2 * self.depth) ** -0.5}


def init(module: nn.Module, seed: int) -> nn.Module:
    """Module → itself with fresh weights, each drawn from a generator of its own that is seeded by the parameter's name.

    Raises ConfigError for a parameter without a rule: nothing is left as memory happened to hold it.
    """
    done: set[int] = set()
    with torch.no_grad():
        for path, owner in module.named_modules():
            for name, parameter in owner.named_parameters(prefix="", recurse=False):
                full_name = f"{path}.{name}" if path else name
                if id(parameter) not in done:
                    parameter.copy_(_initial(full_name, owner, name, parameter, seed))
                    done.add(id(parameter))
    return module


def _initial(full_name: str, owner: nn.Module, name: str, parameter: Tensor, seed: int) -> Tensor:
    own = owner.stds() if isinstance(owner, SelfScaled) else {}
    if name in own:
        return _normal(parameter, own[name], derive(seed, "init", full_name))
    if isinstance(owner, SelfScaled) and name in owner.constants():
        return torch.full(parameter.shape, owner.constants()[name])
    if isinstance(owner, (RmsNorm, nn.LayerNorm)):
        return torch.full(parameter.shape, 1.0 if name == "weight" else 0.0)
    if isinstance(owner, nn.Linear):
        std = owner.in_features**-0.5
        return torch.zeros(parameter.shape) if name == "bias" else _normal(parameter, std, derive(seed, "init", full_name))
    if isinstance(owner, nn.Embedding):
        return _normal(parameter, EMBEDDING_STD, derive(seed, "init", full_name))
    kind = type(owner).__name__
    raise ConfigError(
        full_name, f"{kind} has no rule for its start", "", f"let {kind} be a SelfScaled and name it in stds() or constants()"
    )


def _normal(parameter: Tensor, std: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(parameter.shape, generator=generator) * std

"""Rotary positions (arXiv 2104.09864): position ids → rotations of queries and keys (T, H, K), half-rotation convention.

Channel i is paired with channel i + K/2 (as Llama and Qwen do), not with i + 1. One axis (running index) for language,
two axes (row and column) for vision.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from omma.core.config import Config, config
from omma.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Rotation:
    """Cosines and sines (T, 1, K/2) of each token's angles."""

    cos: Float[Tensor, "T 1 F"]
    sin: Float[Tensor, "T 1 F"]

    def __call__(self, x_THK: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
        """Queries or keys → the same, rotated; in the input's precision."""
        first, second = x_THK.chunk(2, dim=-1)
        turned = torch.cat((first * self.cos - second * self.sin, second * self.cos + first * self.sin), dim=-1)
        return turned.to(x_THK.dtype)


class Still:
    """The rotation by nothing, for stacks whose positions were added to their input."""

    def __call__(self, x_THK: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
        """Queries or keys → themselves."""
        return x_THK


@config
class Scaling(Config):
    """How frequencies are stretched to reach beyond the trained length; this one leaves them alone."""

    def __call__(self, frequencies: Float[Tensor, "F"]) -> Float[Tensor, "F"]:
        """Frequencies → scaled frequencies."""
        return frequencies


@config
class LinearScaling(Scaling):
    """Position interpolation (arXiv 2306.15595): all positions divided by `factor`."""

    factor: float

    def __call__(self, frequencies: Float[Tensor, "F"]) -> Float[Tensor, "F"]:
        """Frequencies → frequencies / factor."""
        return frequencies / self.factor


@config
class Llama3Scaling(Scaling):
    """Llama 3.1: long waves are divided by `factor`, short ones kept, those between blended by where they lie.

    A wave is long above `trained_length / low` tokens and short below `trained_length / high`.
    """

    factor: float = 8.0
    low: float = 1.0
    high: float = 4.0
    trained_length: int = 8192

    def check(self) -> None:
        if self.high <= self.low:
            raise ConfigError("Llama3Scaling.high", str(self.high), f"more than low = {self.low}")

    def __call__(self, frequencies: Float[Tensor, "F"]) -> Float[Tensor, "F"]:
        """Frequencies → each kept, divided, or between the two."""
        turns = self.trained_length * frequencies / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return kept * frequencies + (1 - kept) * frequencies / self.factor


def frequencies(num: int, theta: float, device: torch.device) -> Float[Tensor, "F"]:
    """θ^(−i/num) for i = 0 … num − 1, in fp32."""
    # Made anew in each forward pass: a buffer would hold garbage after a build on the meta device.
    return 1.0 / theta ** (torch.arange(num, device=device, dtype=torch.float32) / num)


def rotary(positions: Tensor, head_dim: int, theta: float, scaling: Scaling) -> Rotation:
    """Positions (T,) → the rotation of heads of `head_dim` channels."""
    scaled = scaling(frequencies(head_dim // 2, theta, positions.device))
    return _rotation(positions.float()[:, None] * scaled)


def rotary_2d(positions: Tensor, head_dim: int, theta: float) -> Rotation:
    """Positions (T, 2) of row and column → rotation: the first half of the frequencies turns by row, the second by column."""
    half = frequencies(head_dim // 4, theta, positions.device)
    return _rotation((positions.float()[:, :, None] * half).flatten(1))


def _rotation(angles: Float[Tensor, "T F"]) -> Rotation:
    return Rotation(angles.cos()[:, None], angles.sin()[:, None])

"""Rotary positions (arXiv 2104.09864): position ids → rotations of queries and keys (T, H, K), half-rotation convention.

Channel i is paired with channel i + K/2 (as Llama and Qwen do), not with i + 1. One axis (running index) for language,
two axes (row and column) for vision.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.config import Config, config
from omma.core.errors import ConfigError, ShapeError


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


def pairs_apart(x_THK: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
    """Heads whose neighbouring channels turn together (as DeepSeek's) → the order in which channel i turns with i + K/2."""
    return torch.cat((x_THK[..., 0::2], x_THK[..., 1::2]), dim=-1)


class Still:
    """The rotation by nothing, for stacks whose positions were added to their input."""

    def __call__(self, x_THK: Float[Tensor, "T H K"]) -> Float[Tensor, "T H K"]:
        """Queries or keys → themselves."""
        return x_THK


@config
class Scaling(Config):
    """How frequencies are stretched to reach beyond the trained length; this one leaves them alone."""

    @property
    def by_length(self) -> bool:
        """Whether the stretch depends on how far a document reaches."""
        return False

    @property
    def gain(self) -> float:
        """What queries and keys are multiplied by as they turn."""
        return 1.0

    @property
    def sharpness(self) -> float:
        """What scores are multiplied by where only a part of a head turns (`nn.latent_attention`)."""
        return 1.0

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
        """Frequencies of base `theta`, length (T, 1) of each token's document → scaled ones, per token if `by_length`."""
        return frequencies


@config
class LinearScaling(Scaling):
    """Position interpolation (arXiv 2306.15595): all positions divided by `factor`."""

    factor: float

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
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

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
        """Frequencies → each kept, divided, or between the two."""
        turns = self.trained_length * frequencies / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return kept * frequencies + (1 - kept) * frequencies / self.factor


@config
class Yarn(Scaling):
    """YaRN (arXiv 2309.00071): waves that turn more than `fast` times in the trained length are kept, those that turn less
    than `slow` times divided by `factor`, those between blended by their number; all turn louder.

    `whole_numbers` rounds the first and last number of the blend outwards. `loudness` is the gain, if not 0; else it is
    0.1 · ln(factor) + 1, or with both `mscale` and `mscale_all_dim` the ratio of 0.1 · m · ln(factor) + 1 for the two, as
    DeepSeek has it. Same rules as transformers' `rope_type: yarn`.
    """

    factor: float
    trained_length: int
    fast: float = 32.0
    slow: float = 1.0
    loudness: float = 0.0
    mscale: float = 0.0
    mscale_all_dim: float = 0.0
    whole_numbers: bool = True

    @property
    def gain(self) -> float:
        """See above."""
        if self.loudness:
            return self.loudness
        if self.mscale and self.mscale_all_dim:
            return self._louder(self.mscale) / self._louder(self.mscale_all_dim)
        return self._louder(1.0)

    @property
    def sharpness(self) -> float:
        """(0.1 · mscale_all_dim · ln(factor) + 1)²; 1 without `mscale_all_dim`."""
        return self._louder(self.mscale_all_dim) ** 2

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
        """Frequencies → each kept, divided, or between the two."""
        dim = 2 * len(frequencies)
        first, last = (dim * math.log(self.trained_length / (turns * 2 * math.pi)) / (2 * math.log(theta)) for turns in self._ends)
        if self.whole_numbers:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, dim - 1)
        number = torch.arange(len(frequencies), device=frequencies.device, dtype=torch.float32)
        divided = ((number - first) / (last - first if last != first else 0.001)).clamp(0, 1)
        return (1 - divided) * frequencies + divided * frequencies / self.factor

    @property
    def _ends(self) -> tuple[float, float]:
        return self.fast, self.slow

    def _louder(self, mscale: float) -> float:
        return 0.1 * mscale * math.log(self.factor) + 1.0 if self.factor > 1 else 1.0


@config
class DynamicScaling(Scaling):
    """Dynamic NTK: a document of n > `trained_length` tokens turns by θ · (factor · n / trained_length − factor + 1)^(d/(d−2)).

    Same rule as transformers' `rope_type: dynamic` and InternLM2, but for each document of a pack by its own length.
    """

    factor: float
    trained_length: int

    @property
    def by_length(self) -> bool:
        """Always."""
        return True

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
        """Frequencies → slower ones for each token of a long document."""
        count = len(frequencies)
        stretch = self.factor * reach.clamp(min=self.trained_length) / self.trained_length - (self.factor - 1)
        share = torch.arange(count, device=frequencies.device, dtype=torch.float32) / (count - 1)
        return frequencies * stretch ** (-share)


@config
class Unscaled(Scaling):
    """For a model that was released with a stretch of its own beyond `trained_length`: shorter documents turn as they are."""

    trained_length: int

    @property
    def by_length(self) -> bool:
        """Always."""
        return True

    def __call__(self, frequencies: Float[Tensor, "F"], theta: float, reach: Tensor) -> Float[Tensor, "*T F"]:
        """Frequencies → themselves. ShapeError for a document that is too long."""
        longest = int(reach.max()) if len(reach) else 0
        if longest > self.trained_length:
            fix = "cut documents; what this model does beyond is not covered"
            raise ShapeError("nn.rotary", f"a document of {longest} tokens", f"at most {self.trained_length}", fix)
        return frequencies


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept serves training as well
def frequencies(num: int, theta: float, device: torch.device) -> Float[Tensor, "F"]:
    """θ^(−i/num) for i = 0 … num − 1, in fp32. Kept here, since a buffer would hold garbage after a build on the meta device."""
    return 1.0 / theta ** (torch.arange(num, device=device, dtype=torch.float32) / num)


def rotary(
    positions: Tensor, head_dim: int, theta: float, scaling: Scaling, cu_seqlens: Int[Tensor, "S1"] | None = None
) -> Rotation:
    """Positions (T,) → the rotation of heads of `head_dim` channels. Without `cu_seqlens` all tokens are one document."""
    scaled = _scaled(positions[:, None], head_dim, theta, scaling, cu_seqlens)
    return _rotation(positions.float()[:, None] * scaled, scaling.gain)


def rotary_sections(
    positions: Tensor, head_dim: int, theta: float, scaling: Scaling, cu_seqlens: Int[Tensor, "S1"],
    sections: tuple[int, ...], *, interleaved: bool,
) -> Rotation:  # fmt: skip
    """Positions (T, A) → the rotation in which `sections[a]` frequencies turn by axis a (M-RoPE, arXiv 2409.12191).

    The axes' frequencies lie one section behind the other (Qwen2-VL), or interleaved: every third from the second on by
    rows, from the third on by columns, and what is left by time (Qwen3-VL).
    """
    scaled = _scaled(positions, head_dim, theta, scaling, cu_seqlens)
    return _rotation(positions.float()[:, _axes(sections, interleaved, positions.device)] * scaled, scaling.gain)


def rotary_2d(positions: Tensor, head_dim: int, theta: float) -> Rotation:
    """Positions (T, 2) of row and column → rotation: the first half of the frequencies turns by row, the second by column."""
    half = frequencies(head_dim // 4, theta, positions.device)
    return _rotation((positions.float()[:, :, None] * half).flatten(1))


def _scaled(positions: Tensor, head_dim: int, theta: float, scaling: Scaling, cu_seqlens: Tensor | None) -> Tensor:
    """Frequencies as stretched for these positions (T, A): (F,) or (T, F)."""
    reach = _reach(positions, cu_seqlens) if scaling.by_length else positions[:, :1]
    return scaling(frequencies(head_dim // 2, theta, positions.device), theta, reach)


def _reach(positions: Tensor, cu_seqlens: Tensor | None) -> Float[Tensor, "T 1"]:
    """Positions (T, A) → one more than the largest of each token's document."""
    largest = positions.float().amax(dim=1)
    if cu_seqlens is None:
        return largest.max().expand(len(largest))[:, None] + 1 if len(largest) else largest[:, None]
    lengths = cu_seqlens.diff().long()
    document = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    reach = largest.new_zeros(len(lengths)).scatter_reduce(0, document, largest, "amax", include_self=False)
    return reach[document][:, None] + 1


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _axes(sections: tuple[int, ...], interleaved: bool, device: torch.device) -> Int[Tensor, "F"]:
    """Sections of time, rows, columns → the axis of each frequency."""
    if not interleaved:
        return torch.tensor([axis for axis, count in enumerate(sections) for _ in range(count)], device=device)
    axis = torch.zeros(sum(sections), dtype=torch.long, device=device)
    for number, count in enumerate(sections[1:], start=1):
        axis[number : 3 * count : 3] = number
    return axis


def _rotation(angles: Float[Tensor, "T F"], gain: float = 1.0) -> Rotation:
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    return Rotation(cos, sin) if gain == 1.0 else Rotation(cos * gain, sin * gain)

"""Draws: a seed → choices within a family, each by its name, so that a test may fix some and leave the others as they were."""

from typing import Any

import numpy as np

LANGUAGES = ("llama", "mistral", "qwen2", "qwen3")
TOWERS = ("clip", "siglip")


class Draw:
    """Choices of one seed. One that is fixed uses up its random number all the same."""

    def __init__(self, seed: int, **fixed: Any) -> None:
        self.rng, self.fixed, self.made = np.random.default_rng(seed), fixed, dict[str, Any]()

    def one(self, name: str, *options: Any) -> Any:
        """One of the options."""
        drawn = options[int(self.rng.integers(len(options)))]
        self.made[name] = self.fixed.get(name, drawn)
        return self.made[name]

    def layers(self, depth: int, *, several: bool = True) -> int | list[int]:
        """The layer that features are taken from, counted from either end, or two to four of them in any order."""
        ends = [*range(-depth, 0), *range(1, depth + 1)]
        count = int(self.rng.choice([1, 1, 2, 3, 4])) if several else 1
        drawn = [int(layer) for layer in self.rng.choice(ends, size=min(count, len(ends)), replace=False)]
        return self.one("layers", drawn if len(drawn) > 1 else drawn[0])

"""Seeds by name: (seed, words) → an independent 63-bit seed. The same words give the same stream on every machine."""

import hashlib

import numpy as np


def derive(seed: int, *words: str | int) -> int:
    """Base seed + any words → a seed below 2**63 that depends on each of them."""
    text = "\x1f".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *words: str | int) -> np.random.Generator:
    """Base seed + words → a numpy generator of its own."""
    return np.random.default_rng(derive(seed, *words))

"""Spaces: pictures and texts → their places in a model's space, unit vectors of 64 bits, or why there is none."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from omma.answerers.answerer import Embedder
from omma.curate.models.asking import one_by_one
from omma.schema.sample import Media, Part, Sample, Turn

Place = Float64[np.ndarray, "d"] | str


def see(pictures: Mapping[str, Media], space: Embedder) -> dict[str, Place]:
    """Pictures by any key → their places by it."""
    return _placed({key: Sample(key, "", media=(item,)) for key, item in pictures.items()}, space)


def read(texts: Sequence[str], space: Embedder) -> dict[str, Place]:
    """Texts → their places by text."""
    return _placed({text: Sample(text, "", turns=(Turn("user", (Part("text", text),)),)) for text in texts}, space)


def cosine(one: Place, other: Place) -> float | str:
    """Two places → their cosine, or why there is none."""
    if isinstance(one, str) or isinstance(other, str):
        return one if isinstance(one, str) else str(other)
    return float(one @ other)


def _placed(samples: Mapping[str, Sample], space: Embedder) -> dict[str, Place]:
    found = one_by_one(list(samples.values()), lambda some: list(space.embed(some)))
    return {key: one if isinstance(one, str) else unit(one) for key, one in zip(samples, found, strict=True)}


def unit(vector: Sequence[float]) -> Place:
    """Vector → the same of length one, or why it has no direction."""
    values = np.array(vector, np.float64)
    length = float(np.linalg.norm(values))
    return values / length if 0 < length < np.inf else "the model gives a vector without a direction"

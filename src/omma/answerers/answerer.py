"""Answerer: who is asked. Samples → replies, losses or embeddings; one file per kind.

A `Talker` over a model of omma is one. Others are folders of transformers, endpoints, and files of recorded answers.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from omma.generate.reply import Reply, SampleLoss
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.schema.sample import Sample


class Answerer(Protocol):
    """Writes replies, in the order of the samples, from number `start` on; each depends on its own sample alone."""

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → one reply each."""

    def prompt_hash(self, sample: Sample) -> str:
        """Sample → 16 hex digits over what the model reads of its words."""

    def fingerprint(self) -> str:
        """The model → a name that changes when its answers may."""


@runtime_checkable
class Measurer(Protocol):
    """An answerer that knows how likely given words are."""

    def measure(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[SampleLoss]:
        """Samples with their replies → the loss of each reply, summed over its tokens."""


@runtime_checkable
class Embedder(Protocol):
    """An answerer that places pictures and words in one space."""

    def embed(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        """Samples (pictures, words, or both) → a vector each."""


@runtime_checkable
class Matcher(Protocol):
    """An answerer that says whether words belong to a picture."""

    def match(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[float]:
        """Samples with one picture and words (the last that the user says) → the probability that they belong together."""

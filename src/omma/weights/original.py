"""Original: what layouts share that only code of their checkpoints reads. They are read here, and never written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.model.squares import channel_major, place_major
from omma.model.vlm import Vlm
from omma.weights.family import Vocabulary
from omma.weights.names import Form


def unwritten(layout: str) -> Callable[[Vlm, Vocabulary], dict[str, Any]]:
    """Layout → a `config_to` that raises CheckpointError always."""

    def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
        raise CheckpointError(layout, "a layout that only code from a checkpoint reads", "", "keep it in our own layout")

    return config_to


def moved(under: str) -> tuple[tuple[str, str], ...]:
    """Where a causal language model stands in the whole → how its names begin there."""
    return (("model.", f"{under}model."), ("lm_head.", f"{under}lm_head."))


@dataclass(frozen=True, slots=True)
class Unfolded(Form):
    """The first matrix behind an unfold, whose values stand channel by channel; ours has the squares patch by patch."""

    factor: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their matrix → columns patch by patch."""
        return (place_major(theirs, self.factor),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return channel_major(ours[0], self.factor)


@dataclass(frozen=True, slots=True)
class Turned(Form):
    """A matrix that is multiplied from the other side."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their matrix → its transpose."""
        return (theirs.T,)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].T.contiguous()

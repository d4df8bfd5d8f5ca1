"""Output: what a model makes of a batch. Loss: what an objective makes of an output. Vocabulary logits only where asked."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from omma.schema.batch import Stream


@runtime_checkable
class Between(Protocol):
    """What happens to the stream between the blocks of a language model, such as features added at some layers."""

    def __call__(self, layer: int, stream: Stream) -> Stream:
        """The stream before block `layer` (behind the last: `layer` is the number of blocks) → the stream to go on with."""
        ...

    def later(self) -> "Between | None":
        """What goes on while tokens are decoded one by one. There a stream's `origin` is the document of each token."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """Final normed states with the vocabulary head (V, D) that reads them, and named intermediates on request."""

    stream: Stream
    head: Float[Tensor, "V D"]
    visual: Float[Tensor, "N D"]
    between: Between | None = None
    extras: dict[str, Tensor] = field(default_factory=dict)

    def logits(self, index: Int[Tensor, "n"]) -> Float[Tensor, "n V"]:
        """Logits of chosen positions of the stream; all of them at once only in tests."""
        return self.stream.hidden[index] @ self.head.T


@dataclass(frozen=True, slots=True)
class Loss:
    """A weighted sum of token losses and the sum of the weights; their ratio over the whole step is the loss.

    `token_loss` (n,) are the unweighted losses, without gradient, at `positions` (n,) of the batch.
    """

    total: Float[Tensor, ""]
    weight: Float[Tensor, ""]
    token_loss: Float[Tensor, "n"]
    positions: Int[Tensor, "n"]

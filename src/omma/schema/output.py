"""Output: what a model makes of a batch. Loss: what an objective makes of an output. Vocabulary logits only where asked."""

from dataclasses import dataclass, field

from jaxtyping import Float, Int
from torch import Tensor

from omma.schema.batch import Stream


@dataclass(frozen=True, slots=True)
class Output:
    """Final normed states with the vocabulary head (V, D) that reads them, and named intermediates on request."""

    stream: Stream
    head: Float[Tensor, "V D"]
    visual: Float[Tensor, "N D"]
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

"""Taps: stack of blocks, its input (T, D) and numbers of hidden states → those states, as the list of transformers counts them."""

from jaxtyping import Float
from torch import Tensor

from omma.nn.block import LayerAttend, Stack, Turn


def tapped(
    blocks: Stack, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layers: tuple[int, ...]
) -> tuple[Float[Tensor, "T D"], ...]:
    """States by number in the order asked: 0 enters the first block, k leaves the k-th."""
    if set(layers) == {len(blocks)}:
        return (blocks(hidden, turn, attend),) * len(layers)
    states: dict[int, Tensor] = {}

    def keep(layer: int, state: Tensor) -> Tensor:
        if layer in layers:
            states[layer] = state
        return state

    blocks(hidden, turn, attend, keep)
    return tuple(states[layer] for layer in layers)

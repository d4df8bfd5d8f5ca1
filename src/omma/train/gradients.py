"""Gradients: parameters → one flat buffer that their `.grad`s are views of, summed over ranks and clipped as a whole.

Every parameter always has a gradient (zeros if nothing reached it), so that what happens to it does not depend on how
a step's documents are spread over micro-batches and ranks.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from omma.train.parallel import World


class Gradients:
    """The gradients of the trained parameters; one buffer per dtype, so a reduction is one call each."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        groups: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
        for parameter in parameters:
            groups.setdefault((parameter.dtype, parameter.device), []).append(parameter)
        self.buffers = [_flat(members) for members in groups.values()]

    def zero(self) -> None:
        """Begin a step."""
        for buffer in self.buffers:
            buffer.zero_()

    def reduce(self, world: World) -> None:
        """Sum over ranks: the loss is already divided by the global count, so no rank's share is averaged away."""
        for buffer in self.buffers:
            world.sum_(buffer)

    def norm(self) -> Tensor:
        """Global L2 norm, before any clipping."""
        norms = [torch.linalg.vector_norm(buffer, dtype=torch.float32) for buffer in self.buffers]
        return torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))

    def clip(self, norm: float, limit: float) -> None:
        """Scale down to the limit if the norm exceeds it (0: never)."""
        if limit and norm > limit:
            for buffer in self.buffers:
                buffer.mul_(limit / norm)


def _flat(parameters: list[nn.Parameter]) -> Tensor:
    buffer = torch.zeros(sum(p.numel() for p in parameters), dtype=parameters[0].dtype, device=parameters[0].device)
    first = 0
    for parameter in parameters:
        parameter.grad = buffer[first : first + parameter.numel()].view_as(parameter)
        first += parameter.numel()
    return buffer

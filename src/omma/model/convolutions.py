"""Convolutions on feature maps (n, D, rows, columns): depthwise, with channel norm and squeeze-and-excitation."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, layer_norm

from omma.nn.init import SelfScaled


class Depthwise(nn.Conv2d, SelfScaled):
    """`kernel` × `kernel`, an odd number, one filter per channel, zeros around the map."""

    def __init__(self, dim: int, *, kernel: int = 3, stride: int = 1, bias: bool = False) -> None:
        super().__init__(dim, dim, kernel, stride=stride, padding=kernel // 2, groups=dim, bias=bias)

    def stds(self) -> dict[str, float]:
        """By the values that each output sums."""
        return {"weight": 1 / self.kernel_size[0]}

    def constants(self) -> dict[str, float]:
        """No bias at first."""
        return {"bias": 0.0}


class Pointwise(nn.Linear):
    """1 × 1 convolution as the matrix it is."""

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n E r c"]:
        return conv2d(maps, self.weight[:, :, None, None], self.bias)


class ChannelNorm(nn.LayerNorm):
    """Layer norm of each place over its channels."""

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r c"]:
        return layer_norm(maps.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps).movedim(-1, 1)


class Excite(nn.Module):
    """Squeeze-and-excitation (arXiv 1709.01507): maps · gate(W₂ f(W₁ mean over places)), channel by channel."""

    def __init__(self, dim: int, middle: int, *, activate: Callable[[Tensor], Tensor], gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activate, self.gate = activate, gate
        self.squeeze, self.widen = nn.Linear(dim, middle), nn.Linear(middle, dim)

    def forward(self, maps: Float[Tensor, "n D r c"]) -> Float[Tensor, "n D r c"]:
        scale = self.gate(self.widen(self.activate(self.squeeze(maps.mean((2, 3))))))
        return maps * scale[:, :, None, None]

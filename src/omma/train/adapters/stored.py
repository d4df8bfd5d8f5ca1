"""Stored: a frozen linear map kept in few bits and made dense for each product: (T, E) → (T, D). bf16, or NF4 (arXiv 2305.14314).

NF4 keeps 4 bits per value, an index into 16 quantiles of the normal distribution, and one fp32 scale (the largest
magnitude) per block of 64 values: 4.5 bits in all. The paper quantises the scales a second time; this does not.
"""

from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

Store = Literal["bf16", "nf4"]
BLOCK = 64
# arXiv 2305.14314, appendix E: the 16 values of NF4
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


class StoredLinear(nn.Module):
    """A linear map whose matrix is a buffer in the given store. Gradients pass through it to its input, none reaches it."""

    values: Tensor
    scales: Tensor

    def __init__(self, linear: nn.Linear, store: Store) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self.in_features, self.out_features, self.dtype, self.store = linear.in_features, linear.out_features, weight.dtype, store
        self.bias = linear.bias
        if store == "bf16":
            self.register_buffer("values", weight.to(torch.bfloat16))
        else:
            values, scales = quantise(weight)
            self.register_buffer("values", values)
            self.register_buffer("scales", scales)

    def dense(self, dtype: torch.dtype) -> Float[Tensor, "D E"]:
        """The matrix as it is used, in this precision."""
        if self.store == "bf16":
            return self.values.to(dtype)
        return dequantise(self.values, self.scales, self.out_features, self.in_features).to(dtype)

    def plain(self, weight: Float[Tensor, "D E"]) -> nn.Linear:
        """The linear map of this shape with another matrix."""
        linear = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        linear.weight, linear.bias = nn.Parameter(weight), self.bias
        return linear

    def forward(self, hidden: Float[Tensor, "T E"]) -> Float[Tensor, "T D"]:
        kind = hidden.device.type
        hidden = hidden.to(torch.get_autocast_dtype(kind)) if kind != "meta" and torch.is_autocast_enabled(kind) else hidden
        out = _Product.apply(hidden, self)
        return out if self.bias is None else out + self.bias.to(out.dtype)


class _Product(torch.autograd.Function):
    """hidden · Wᵀ that keeps nothing for the backward pass but the stored matrix."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, hidden: Tensor, stored: StoredLinear) -> Tensor:
        ctx.stored = stored  # type: ignore[attr-defined]
        return hidden @ stored.dense(hidden.dtype).T

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return grad @ ctx.stored.dense(grad.dtype), None  # type: ignore[attr-defined]


def quantise(weight: Float[Tensor, "D E"]) -> tuple[UInt8[Tensor, "n"], Float[Tensor, "b"]]:
    """Matrix → two indices per byte (the first in the high bits) and the scale of each block; the last block may be short."""
    flat = weight.float().flatten()
    blocks = torch.cat([flat, flat.new_zeros(-len(flat) % BLOCK)]).view(-1, BLOCK)
    scales = blocks.abs().amax(dim=1)
    unit = blocks / scales.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    codes = torch.tensor(NF4, device=weight.device)
    index = torch.bucketize(unit, (codes[1:] + codes[:-1]) / 2).to(torch.uint8).view(-1, 2)
    return index[:, 0] * 16 + index[:, 1], scales


def dequantise(values: UInt8[Tensor, "n"], scales: Float[Tensor, "b"], rows: int, columns: int) -> Float[Tensor, "D E"]:
    """Inverse of `quantise` up to its rounding."""
    codes = torch.tensor(NF4, device=values.device)
    index = torch.stack([values // 16, values % 16], dim=1).long()
    return (codes[index].view(-1, BLOCK) * scales[:, None]).flatten()[: rows * columns].view(rows, columns)

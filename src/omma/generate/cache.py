"""Cache: keys and values of B rows, filled from one packed prefill, then one token per row and step.

Every prompt starts at column 0; what is generated goes to one column shared by all rows, behind the longest prompt.
Shorter prompts leave a gap that the mask hides. Keys carry their rotation already, so columns need no order: nothing
is shifted, no padding is ever attended to, and a step writes one slice per layer.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from omma.core.errors import ShapeError
from omma.model.slots import Attend

GROWTH = 64  # columns added at least when the buffers are full


class Cache:
    """Keys (B, G, L, K) and values (B, G, L, V) per layer with free columns at the right.

    `lengths` are the prompts' lengths in tokens. The first `used` columns are filled; `hidden` (B, L) marks gaps.
    """

    def __init__(self, lengths: Sequence[int], num_layers: int, device: torch.device | str = "cpu") -> None:
        self.lengths = torch.as_tensor(lengths, dtype=torch.long, device=device)
        self.num_rows, self.used = len(lengths), max(lengths, default=0)
        self.capacity = self.used + GROWTH
        self.keys: list[Tensor | None] = [None] * num_layers
        self.values: list[Tensor | None] = [None] * num_layers
        self.hidden: Bool[Tensor, "B L"] = torch.arange(self.used, device=device) >= self.lengths[:, None]
        self.ragged = len(set(lengths)) > 1
        self.bias: dict[int, Float[Tensor, "B 1 1 L"]] = {}
        self.row_T = torch.repeat_interleave(self.lengths)
        self.column_T = (~self.hidden).nonzero()[:, 1]

    def fill(self, layer: int, k_TGK: Tensor, v_TGK: Tensor) -> None:
        """Put one layer's keys and values of the packed prompts into their rows. ShapeError if they are not those prompts."""
        if len(k_TGK) != len(self.row_T):
            raise ShapeError("generate.cache", f"{len(k_TGK)} tokens in layer {layer}", f"{len(self.row_T)}, the prompts' sum")
        shape = (self.num_rows, k_TGK.shape[1], self.capacity, k_TGK.shape[2])
        keys, values = k_TGK.new_zeros(shape), v_TGK.new_zeros((*shape[:3], v_TGK.shape[2]))
        keys[self.row_T, :, self.column_T] = k_TGK
        values[self.row_T, :, self.column_T] = v_TGK
        self.keys[layer], self.values[layer] = keys, values

    def open(self) -> None:
        """Make room for one more token of every row; call it once before each step."""
        if self.used == self.capacity:
            self._grow()
        self.used += 1
        self.bias = {window: bias for window, bias in self.bias.items() if not window}

    def append(self, layer: int, k_BGK: Tensor, v_BGK: Tensor) -> tuple[Float[Tensor, "B G L K"], Float[Tensor, "B G L V"]]:
        """Write the step's key and value of one layer; returns all filled columns of that layer."""
        keys, values = self.keys[layer], self.values[layer]
        assert keys is not None and values is not None, f"layer {layer} was not filled"
        keys[:, :, self.used - 1] = k_BGK
        values[:, :, self.used - 1] = v_BGK
        return keys[:, :, : self.used], values[:, :, : self.used]

    def mask(self, dtype: torch.dtype, window: int = 0) -> Float[Tensor, "B 1 1 L"] | None:
        """−inf over gaps and over what lies `window` tokens back or more (0: no limit), 0 elsewhere, for the filled columns.

        None if no row has any of it.
        """
        if window and self.used <= window:
            window = 0
        if not self.ragged and not window:
            return None
        bias = self.bias.get(window)
        if bias is None or bias.shape[0] != self.num_rows or bias.shape[-1] != self.capacity or bias.dtype != dtype:
            bias = torch.zeros(self.num_rows, 1, 1, self.capacity, dtype=dtype, device=self.hidden.device)
            bias[:, 0, 0, : self.hidden.shape[1]].masked_fill_(self.hidden, -torch.inf)
            if window:
                bias[:, 0, 0, : self.used].masked_fill_(self._distance() >= window, -torch.inf)
            self.bias[window] = bias
        return bias[..., : self.used]

    def _distance(self) -> Int[Tensor, "B L"]:
        """How many tokens each filled column lies before the newest of its row (gaps: no matter)."""
        column, prompt = torch.arange(self.used, device=self.hidden.device), self.hidden.shape[1]
        generated = self.used - 1 - column
        before = self.lengths[:, None] + (self.used - 1 - prompt) - column
        return torch.where(column < prompt, before, generated)

    def keep(self, rows: Int[Tensor, "b"]) -> None:
        """Go on with some of the rows only, in the given order; the others' memory is freed."""
        self.keys = [None if keys is None else keys[rows] for keys in self.keys]
        self.values = [None if values is None else values[rows] for values in self.values]
        self.hidden, self.lengths = self.hidden[rows], self.lengths[rows]
        self.num_rows, self.bias = len(rows), {}

    def _grow(self) -> None:
        more = max(GROWTH, self.capacity // 2)
        pad = (0, 0, 0, more)
        self.keys = [None if keys is None else torch.nn.functional.pad(keys, pad) for keys in self.keys]
        self.values = [None if values is None else torch.nn.functional.pad(values, pad) for values in self.values]
        self.capacity += more


class PrefillAttend:
    """Attends as the model does over packed documents, and keeps every layer's keys and values."""

    def __init__(self, attend: Attend, cache: Cache) -> None:
        self.attend, self.cache = attend, cache

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
        self.cache.fill(layer, k_TGK, v_TGV)
        return self.attend(layer, q_THK, k_TGK, v_TGV, window)


class DecodeAttend:
    """Each of B tokens attends to its own row: T = B. One call of SDPA per layer; grouped heads become query positions."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
        keys_BGLK, values_BGLV = self.cache.append(layer, k_TGK, v_TGV)
        q_BGRK = q_THK.unflatten(1, (k_TGK.shape[1], -1))
        mask = self.cache.mask(q_THK.dtype, window)
        return scaled_dot_product_attention(q_BGRK, keys_BGLK, values_BGLV, attn_mask=mask).flatten(1, 2)

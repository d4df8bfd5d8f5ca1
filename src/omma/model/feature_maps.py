"""Feature maps: packed features (P, D) of tiles of any sizes ↔ maps (n, D, rows, columns) of equal size, for convolutions."""

from collections.abc import Callable
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.errors import ShapeError
from omma.nn.grids import GridRows, on_host
from omma.schema.batch import Stream

Change = Callable[[Float[Tensor, "n D r c"]], Float[Tensor, "n E r2 c2"]]


def on_maps(hidden: Float[Tensor, "P D"], grids: Int[Tensor, "I 3"], change: Change) -> Float[Tensor, "N E"]:
    """Features + grids → features of the changed maps, tile by tile, row-major. Each frame is a map; equal sizes go together."""
    sizes = [(r, c) for t, r, c in on_host(grids) for _ in range(t)]
    maps = hidden.split([r * c for r, c in sizes])
    changed: list[Tensor] = [hidden] * len(sizes)
    for rows, columns in dict.fromkeys(sizes):
        numbers = [i for i, size in enumerate(sizes) if size == (rows, columns)]
        together = torch.stack([maps[i] for i in numbers]).transpose(1, 2).unflatten(2, (rows, columns))
        for number, new in zip(numbers, change(together).flatten(2).transpose(1, 2).unbind(), strict=True):
            changed[number] = new
    return torch.cat(changed)


def frame_borders(rows: GridRows) -> tuple[int, ...]:
    """Grids → where the patches of each frame of each tile begin, and the end."""
    return tuple(accumulate((r * c for t, r, c in rows for _ in range(t)), initial=0))


def taps_of(features: Stream, count: int, where: str) -> tuple[Float[Tensor, "P E"], ...]:
    """Stream of patch features → the `count` further states that a connector reads beside them; ShapeError if there are others."""
    if len(features.taps) != count:
        fix = "let the encoder hand on as many, or take a connector that reads none"
        raise ShapeError(where, f"{len(features.taps)} further states beside the patch features", str(count), fix)
    return features.taps

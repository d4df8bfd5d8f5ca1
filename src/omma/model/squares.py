"""Squares: what connectors that turn factor × factor patches into one visual token have in common. Patch grid → token grid."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.grids import GridRows, on_host, patch_places, tile_borders, uneven


@config
class Squares(Connector):
    """`factor` patches per side become one token."""

    factor: int = 2

    def check(self) -> None:
        if self.factor < 1:
            raise ConfigError(f"{type(self).__name__}.factor", str(self.factor), "at least 1 patch per side")

    @property
    def merge(self) -> int:
        """Patches per token side."""
        return self.factor

    def grid(self, patches: Grid) -> Grid:
        """Both sides divided by the factor; ShapeError if they do not divide."""
        if patches[0] % self.factor or patches[1] % self.factor:
            raise uneven(*patches, self.factor)
        return patches[0] // self.factor, patches[1] // self.factor


@config
class PaddedSquares(Squares):
    """The same over any grid: squares at the right and lower edge read zeros where no patch is."""

    @property
    def merge(self) -> int:
        """One: no side is refused."""
        return 1

    def grid(self, patches: Grid) -> Grid:
        """Both sides divided by the factor, rounded up."""
        return -(-patches[0] // self.factor), -(-patches[1] // self.factor)


class SquaresMlpModule(ConnectorModule):
    """Squares (N, F · E) → visual tokens (N, D): LayerNorm, Linear, GELU, Linear. Its children say which squares."""

    def __init__(self, square_dim: int, out_dim: int, norm_eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(square_dim, norm_eps)
        self.up = nn.Linear(square_dim, out_dim)
        self.down = nn.Linear(out_dim, out_dim)

    def tokens(self, squares: Float[Tensor, "N FE"]) -> Float[Tensor, "N D"]:
        """What a square becomes."""
        return self.down(gelu(self.up(self.norm(squares))))


def padded_squares(hidden: Float[Tensor, "P E"], grids: Int[Tensor, "I 3"], factor: int) -> Float[Tensor, "N F E"]:
    """Patch features → the factor × factor patches of each token, row-major, zeros beyond the edge."""
    index = _reaching_groups(on_host(grids), factor, hidden.device)
    return torch.cat((hidden, hidden.new_zeros(1, hidden.shape[1])))[index]


def place_major(weight: Float[Tensor, "D EF"], factor: int) -> Float[Tensor, "D FE"]:
    """First matrix behind an unfold (values channel by channel) → the same for squares put side by side patch by patch."""
    return weight.unflatten(1, (-1, factor**2)).transpose(1, 2).flatten(1)


def channel_major(weight: Float[Tensor, "D FE"], factor: int) -> Float[Tensor, "D EF"]:
    """Inverse of `place_major`."""
    return weight.unflatten(1, (factor**2, -1)).transpose(1, 2).flatten(1)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _reaching_groups(rows: GridRows, factor: int, device: torch.device) -> Int[Tensor, "N F"]:
    """As `square_groups`, with −1 where a square reaches over the edge of its tile."""
    small = tuple((t, -(-r // factor), -(-c // factor)) for t, r, c in rows)
    cpu = torch.device("cpu")
    tile, frame, row, column = patch_places(small, cpu).unbind(1)
    _, height, width = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)[tile].unbind(1)
    step = torch.arange(factor)
    down = (row[:, None] * factor + step)[:, :, None]
    right = (column[:, None] * factor + step)[:, None, :]
    height, width, frame, first = (x[:, None, None] for x in (height, width, frame, tile_borders(rows, cpu)[tile]))
    index = first + (frame * height + down) * width + right
    return torch.where((down < height) & (right < width), index, -1).flatten(1).to(device)

"""Average reducer (LLaVA-NeXT-Video): visual tokens (N, D) → the mean of each factor × factor square; an odd edge is left out."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.feature_maps import on_maps
from omma.model.slots import ConnectorModule, Grid, Reducer
from omma.schema.batch import Stream


@config
class Average(Reducer):
    """`factor` tokens per side become one, by their `mean` or `max` (transformers `LlavaNextVideoPooler`)."""

    factor: int = 2
    by: Literal["mean", "max"] = "mean"

    def check(self) -> None:
        if self.factor < 1:
            raise ConfigError("Average.factor", str(self.factor), "at least 1 token per side")

    def grid(self, tokens: Grid) -> Grid:
        """Both sides divided by the factor, rounded down; ShapeError for a side that is shorter."""
        if min(tokens) < self.factor:
            fix = "take a smaller factor, or a view whose tiles are larger"
            raise ShapeError(
                "model.reducer.Average", f"a grid of {tokens[0]} × {tokens[1]}", f"sides of at least {self.factor}", fix
            )
        return tokens[0] // self.factor, tokens[1] // self.factor

    def build(self, *, dim: int) -> "AverageModule":
        return AverageModule(self)


class AverageModule(ConnectorModule):
    """See `Average`."""

    def __init__(self, cfg: Average) -> None:
        super().__init__()
        self.cfg = cfg

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        """Raises ShapeError for a tile with fewer rows or columns than the factor."""
        for _, rows, columns in grids.tolist():
            self.cfg.grid((rows, columns))
        pool = avg_pool2d if self.cfg.by == "mean" else max_pool2d
        return on_maps(features.hidden, grids, lambda maps: pool(maps, self.cfg.factor))

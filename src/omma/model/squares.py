"""Squares: what connectors that turn factor × factor patches into one visual token have in common. Patch grid → token grid."""

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, Grid
from omma.nn.grids import uneven


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

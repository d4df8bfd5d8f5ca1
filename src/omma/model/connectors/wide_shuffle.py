"""Wide pixel shuffle (NVLM, arXiv 2409.11402): as `PixelShuffle`, through a hidden width of its own and without biases.

nvidia/NVLM-D-72B `modeling_nvlm_d.py`, `mlp1`: the hidden width is that of the language model's feed-forward branch.
"""

from dataclasses import replace
from typing import Self

from torch import nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.connectors.pixel_shuffle import PixelShuffle, PixelShuffleModule


@config
class WideShuffle(PixelShuffle):
    """`hidden` is the width between the two matrices."""

    hidden: int = 11_008

    def check(self) -> None:
        super().check()
        if self.hidden < 1:
            raise ConfigError("WideShuffle.hidden", str(self.hidden), "at least 1")

    def tiny(self) -> Self:
        """Hidden width 64."""
        return replace(self, hidden=min(self.hidden, 64))

    def build(self, *, in_dim: int, out_dim: int) -> "WideShuffleModule":
        return WideShuffleModule(self, in_dim, out_dim)


class WideShuffleModule(PixelShuffleModule):
    """See `WideShuffle`."""

    def __init__(self, cfg: WideShuffle, in_dim: int, out_dim: int) -> None:
        super().__init__(cfg, in_dim, out_dim)
        self.up = nn.Linear(in_dim * cfg.factor**2, cfg.hidden, bias=False)
        self.down = nn.Linear(cfg.hidden, out_dim, bias=False)

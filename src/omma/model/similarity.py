"""Similarity: cosines of pictures and words (N, M) → logits of a contrastive loss: exp(t) · cosine, with or without a bias.

CLIP (Radford et al. 2021, arXiv 2103.00020, section 2.5): t starts at ln(1 / 0.07) and exp(t) never exceeds 100. SigLIP (Zhai et
al. 2023, arXiv 2303.15343, section 3.2): t starts at ln 10, the bias at −10.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.nn.init import SelfScaled


@config
class Scaled(Config):
    """CLIP's: `start` is exp(t) before the first step, `most` what it is held below after each (inf: not held)."""

    start: float = 1 / 0.07
    most: float = 100.0

    def check(self) -> None:
        if not 0 < self.start <= self.most:
            raise ConfigError(f"{type(self).__name__}.start", str(self.start), f"above 0 and at most `most`, {self.most}")

    def build(self) -> "ScaledModule":
        """The module with its learnt scale."""
        return ScaledModule(self)


@config
class Shifted(Scaled):
    """SigLIP's: a learnt `bias` is added, since nearly all pairs of a batch do not belong together."""

    start: float = 10.0
    most: float = math.inf
    bias: float = -10.0

    def build(self) -> "ShiftedModule":
        return ShiftedModule(self)


class ScaledModule(SelfScaled):
    """See `Scaled`. Stored is t, the logarithm."""

    def __init__(self, cfg: Scaled) -> None:
        super().__init__()
        self.cfg = cfg
        self.log_scale = nn.Parameter(torch.empty(()))

    def constants(self) -> dict[str, float]:
        """t starts as its config says."""
        return {"log_scale": math.log(self.cfg.start)}

    def forward(self, cosines: Float[Tensor, "N M"]) -> Float[Tensor, "N M"]:
        return self.log_scale.exp() * cosines

    @torch.no_grad()
    def bound(self) -> None:
        """Hold exp(t) below its bound; called after every step."""
        self.log_scale.clamp_(max=math.log(self.cfg.most))


class ShiftedModule(ScaledModule):
    """See `Shifted`."""

    def __init__(self, cfg: Shifted) -> None:
        super().__init__(cfg)
        self.bias_start, self.bias = cfg.bias, nn.Parameter(torch.empty(()))

    def constants(self) -> dict[str, float]:
        """The bias, too."""
        return super().constants() | {"bias": self.bias_start}

    def forward(self, cosines: Float[Tensor, "N M"]) -> Float[Tensor, "N M"]:
        return super().forward(cosines) + self.bias

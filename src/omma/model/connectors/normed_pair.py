"""Normed pair (SPHINX, arXiv 2311.07575): the first rows of a tile through one matrix and LayerNorm, all others through another.

`qformer_proj` and `visual_proj` of Alpha-VLLM/LLaMA2-Accessory `accessory/model/LLM/llama_ens5.py`.
"""

from dataclasses import replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, ConnectorModule
from omma.nn.grids import on_host, patch_places
from omma.schema.batch import Stream


@config
class NormedPair(Connector):
    """The first `leading` rows of each frame hold `lead_width` values each, whatever stands behind these; one token per row."""

    leading: int = 32
    lead_width: int = 768
    norm_eps: float = 1e-5

    def check(self) -> None:
        if self.leading < 1 or self.lead_width < 1:
            got = f"{self.leading} leading rows of width {self.lead_width}"
            raise ConfigError("NormedPair", got, "at least 1 of each; without such rows take another connector")

    def tiny(self) -> Self:
        """As tiny as a Q-Former: four rows; no wider than any tower."""
        return replace(self, leading=4, lead_width=min(self.lead_width, 12))

    def build(self, *, in_dim: int, out_dim: int) -> "NormedPairModule":
        return NormedPairModule(self, in_dim, out_dim)


class NormedPairModule(ConnectorModule):
    """See `NormedPair`."""

    def __init__(self, cfg: NormedPair, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.lead, self.lead_norm = nn.Linear(cfg.lead_width, out_dim), nn.LayerNorm(out_dim, cfg.norm_eps)
        self.project, self.norm = nn.Linear(in_dim, out_dim), nn.LayerNorm(out_dim, cfg.norm_eps)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        _, _, row, column = patch_places(on_host(grids), grids.device).unbind(1)
        columns = grids[:, 2].repeat_interleave(grids.prod(dim=1))
        leads = row * columns + column < self.cfg.leading
        first = self.lead_norm(self.lead(features.hidden[leads, : self.cfg.lead_width]))
        others = self.norm(self.project(features.hidden[~leads]))
        order = torch.cat((leads.nonzero()[:, 0], (~leads).nonzero()[:, 0])).argsort()
        return torch.cat((first, others))[order]

"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): hidden (T, D) → hidden (T, D).

c = norm(x W_DKV) of `kv_rank`, keys [c W_UK ; turned(x W_KR)] whose turning part all heads share, values c W_UV. Queries
[still ; turned], straight from x or through a latent of their own. Neighbouring channels turn together.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.nn.block import LayerAttend, Turn
from omma.nn.init import ResidualLinear
from omma.nn.norm import RmsNorm
from omma.nn.rotary import pairs_apart

LATENT_EPS = 1e-6  # whatever the ε of the other norms is


@config
class Latent(Config):
    """Widths: latents of keys and values, of queries (0: none), and per head the part that does not turn, and values."""

    kv_rank: int = 512
    query_rank: int = 0
    still_dim: int = 128
    value_dim: int = 128

    def tiny(self) -> "Latent":
        """Ranks of 16 and 12, heads of 8 that do not turn, values of 6."""
        return Latent(kv_rank=16, query_rank=12 if self.query_rank else 0, still_dim=8, value_dim=6)


class LatentAttention(nn.Module):
    """See above. `turn_dim` channels per head turn; `sharpness` multiplies the scores (a rule of DeepSeek's YaRN)."""

    def __init__(self, cfg: Latent, dim: int, *, heads: int, turn_dim: int, sharpness: float, depth: int) -> None:
        super().__init__()
        self.cfg, self.turn_dim, self.sharpness = cfg, turn_dim, sharpness
        query_dim = heads * (cfg.still_dim + turn_dim)
        if cfg.query_rank:
            self.query_latent = nn.Linear(dim, cfg.query_rank, bias=False)
            self.query_norm = RmsNorm(cfg.query_rank, LATENT_EPS)
        self.query = nn.Linear(cfg.query_rank or dim, query_dim, bias=False)
        self.latent = nn.Linear(dim, cfg.kv_rank + turn_dim, bias=False)
        self.latent_norm = RmsNorm(cfg.kv_rank, LATENT_EPS)
        self.key_value = nn.Linear(cfg.kv_rank, heads * (cfg.still_dim + cfg.value_dim), bias=False)
        self.output = ResidualLinear(heads * cfg.value_dim, dim, depth=depth, bias=False)

    def forward(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        q_THK = self._queries(hidden, turn)
        latent, shared = self.latent(hidden).split((self.cfg.kv_rank, self.turn_dim), dim=-1)
        still_and_value = self.key_value(self.latent_norm(latent)).unflatten(-1, (q_THK.shape[1], -1))
        still, v_THV = still_and_value.split((self.cfg.still_dim, self.cfg.value_dim), dim=-1)
        turned = turn(pairs_apart(shared[:, None])).expand(-1, q_THK.shape[1], -1)
        k_THK = torch.cat((still, turned), dim=-1)
        return self.output(attend(layer, q_THK, k_THK, v_THV).flatten(1))

    def _queries(self, hidden: Float[Tensor, "T D"], turn: Turn) -> Float[Tensor, "T H K"]:
        source = self.query_norm(self.query_latent(hidden)) if self.cfg.query_rank else hidden
        q_THK = self.query(source).unflatten(-1, (-1, self.cfg.still_dim + self.turn_dim))
        still, turned = q_THK.split((self.cfg.still_dim, self.turn_dim), dim=-1)
        q_THK = torch.cat((still, turn(pairs_apart(turned))), dim=-1)
        return q_THK * self.sharpness if self.sharpness != 1.0 else q_THK

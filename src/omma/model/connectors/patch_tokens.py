"""Patch tokens (EVE, arXiv 2406.11832): values of patches (P, E) → a class token and pooled rows, each ended by a split token.

One matrix makes embeddings of patches. In each `pool` × `pool` square their mean asks, and the square's embeddings answer; one
class token asks all squares of a tile; two matrices lead to the language model.
baaivision/EVE `EVEv1/eve/model/multimodal_encoder/vision_tokenizer.py`.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Connector, ConnectorModule, Grid
from omma.nn.grids import GridRows, on_host, square_groups, uneven
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.schema.batch import Stream


@config
class PatchTokens(Connector):
    """Behind `RawPatches`, which has no parameters. `width` is that of the embeddings, the language model's comes last."""

    width: int = 1024
    pool: int = 2
    heads: int = 8

    def check(self) -> None:
        if self.pool < 1:
            raise ConfigError("PatchTokens.pool", str(self.pool), "at least 1 patch per side")
        if self.width % self.heads:
            raise ConfigError("PatchTokens.heads", f"{self.heads} heads over width {self.width}", "a divisor of the width")

    @property
    def merge(self) -> int:
        """Patches per side of a square."""
        return self.pool

    def grid(self, patches: Grid) -> Grid:
        """One row: a class token, then rows of one more than the pooled columns. ShapeError for sides that do not divide."""
        if patches[0] % self.pool or patches[1] % self.pool:
            raise uneven(*patches, self.pool)
        return 1, 1 + patches[0] // self.pool * (patches[1] // self.pool + 1)

    def tiny(self) -> "PatchTokens":
        """Width 32, four heads."""
        return replace(self, width=32, heads=4)

    def build(self, *, in_dim: int, out_dim: int) -> "PatchTokensModule":
        return PatchTokensModule(self, in_dim, out_dim)


class Asking(nn.Module):
    """Askers (N, D) and what each may look at: asker + projected answer. Scores are divided by √D, not by that of a head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, width**-0.5
        self.query_norm, self.query = nn.LayerNorm(width), nn.Linear(width, width, bias=False)
        self.key_norm, self.key_value = nn.LayerNorm(width), nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width)

    def asked(self, askers: Float[Tensor, "N D"]) -> Float[Tensor, "N H K"]:
        """Askers → scaled queries."""
        return self.query(self.query_norm(askers)).unflatten(-1, (self.heads, -1)) * self.scale

    def answers(self, seen: Float[Tensor, "*M D"]) -> tuple[Float[Tensor, "*M H K"], Float[Tensor, "*M H K"]]:
        """What is seen → keys and values."""
        key, value = self.key_value(self.key_norm(seen)).chunk(2, dim=-1)
        return key.unflatten(-1, (self.heads, -1)), value.unflatten(-1, (self.heads, -1))


class PatchTokensModule(ConnectorModule, SelfScaled):
    """See `PatchTokens`."""

    def __init__(self, cfg: PatchTokens, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Linear(in_dim, cfg.width, bias=False)
        self.class_token = nn.Parameter(torch.empty(cfg.width))
        self.split_token = nn.Parameter(torch.empty(cfg.width))
        self.local, self.globally = Asking(cfg.width, cfg.heads), Asking(cfg.width, cfg.heads)
        self.layers = nn.ModuleList((nn.Linear(cfg.width, out_dim), nn.Linear(out_dim, out_dim)))

    def stds(self) -> dict[str, float]:
        """Both tokens start like words."""
        return {"class_token": EMBEDDING_STD, "split_token": EMBEDDING_STD}

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        """Values of patches and the grids they come in → visual tokens."""
        rows = on_host(grids)
        pooled = self._pool(self.embed(features.hidden.to(self.embed.weight.dtype)), rows)
        tile = _tile_of(rows, self.cfg.pool, pooled.device)
        classes = self._ask_all(pooled, tile, sum(frames for frames, _, _ in rows))
        tokens = torch.cat((pooled, classes, self.split_token[None].to(pooled.dtype)))
        up, down = self.layers
        return down(gelu(up(tokens)))[_order(rows, self.cfg.pool, pooled.device)]

    def _pool(self, patches: Float[Tensor, "P D"], grids: GridRows) -> Float[Tensor, "N D"]:
        """Embeddings of patches → one for each square."""
        squares = patches[square_groups(grids, self.cfg.pool, patches.device)]
        mean = squares.mean(dim=1)
        key, value = self.local.answers(squares)
        weight = (self.local.asked(mean)[:, None] * key).sum(-1).softmax(dim=1)
        return mean + self.local.output((weight[..., None] * value).sum(1).flatten(1))

    def _ask_all(self, pooled: Float[Tensor, "N D"], tile: Int[Tensor, "N"], num_frames: int) -> Float[Tensor, "I D"]:
        """Squares and the frame of each → the class token of every frame."""
        key, value = self.globally.answers(pooled)
        query = self.globally.asked(self.class_token[None].to(pooled.dtype))
        score = (query * key).sum(-1)
        blank = score.new_zeros(num_frames, score.shape[1])
        highest = blank.scatter_reduce(0, tile[:, None].expand_as(score), score.detach(), "amax", include_self=False)
        weight = (score - highest[tile]).exp()
        total = blank.index_add(0, tile, weight)
        seen = value.new_zeros(num_frames, *value.shape[1:]).index_add(0, tile, (weight / total[tile])[..., None] * value)
        return self.class_token.to(pooled.dtype) + self.globally.output(seen.flatten(1))


@lru_cache(maxsize=64)
def _tile_of(grids: GridRows, pool: int, device: torch.device) -> Int[Tensor, "N"]:
    """Grids → the number of the frame that each square lies in."""
    with torch.inference_mode(False):
        sizes = [rows // pool * (columns // pool) for frames, rows, columns in grids for _ in range(frames)]
        return torch.arange(len(sizes), device=device).repeat_interleave(torch.tensor(sizes, device=device))


@lru_cache(maxsize=64)
def _order(grids: GridRows, pool: int, device: torch.device) -> Int[Tensor, "M"]:
    """Grids → where each token stands among squares, class tokens (one per frame) and the one split token."""
    frames = [(rows // pool, columns // pool) for frames, rows, columns in grids for _ in range(frames)]
    squares = sum(rows * columns for rows, columns in frames)
    split, first = squares + len(frames), 0
    parts: list[np.ndarray] = []
    for number, (rows, columns) in enumerate(frames):
        places = first + np.arange(rows * columns).reshape(rows, columns)
        lines = np.concatenate((places, np.full((rows, 1), split)), axis=1)
        parts += [np.array([squares + number]), lines.ravel()]
        first += rows * columns
    with torch.inference_mode(False):
        return torch.from_numpy(np.concatenate(parts)).to(device)

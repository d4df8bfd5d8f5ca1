"""Sparse experts: hidden (T, D) → hidden (T, D), each token through `chosen` of `num` gated branches (arXiv 2101.03961).

y = Σ_k w_k · expert_k(x) + shared(x), with scores = softmax or sigmoid of a linear router. Covers Qwen3-MoE (weights made
to sum to 1), DeepSeek-V2 (shared experts, choice limited to some groups; arXiv 2405.04434) and DeepSeek-V3 (sigmoid scores,
a bias that moves the choice and not the weights; arXiv 2412.19437).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.nn.init import SelfScaled
from omma.nn.mlp import GatedMlp

TINY_SUM = 1e-20  # sigmoid scores of the chosen may all be zero


@config
class Experts(Config):
    """`chosen` of `num` experts of `width` see a token; shared ones, `shared_width` in all, see every token.

    The choice falls in the best `groups_chosen` of `groups` equal groups of experts, a group being as good as its best
    expert (`max`) or its best two together (`top2`). `renormalise` makes the weights of the chosen sum to 1; `scale`
    multiplies them. Layers in `dense_layers` have one branch for all tokens instead.
    """

    num: int = 64
    chosen: int = 6
    width: int = 1408
    shared_width: int = 0
    score: Literal["softmax", "sigmoid"] = "softmax"
    choice_bias: bool = False
    renormalise: bool = False
    scale: float = 1.0
    groups: int = 1
    groups_chosen: int = 1
    group_score: Literal["max", "top2"] = "max"
    dense_layers: tuple[int, ...] = ()

    def check(self) -> None:
        if self.num % self.groups:
            raise ConfigError("Experts.groups", f"{self.groups} for {self.num} experts", "a divisor of the number of experts")
        if not 1 <= self.groups_chosen <= self.groups:
            raise ConfigError("Experts.groups_chosen", str(self.groups_chosen), f"1 … {self.groups}, the groups")
        if not 1 <= self.chosen <= self.num // self.groups * self.groups_chosen:
            most = self.num // self.groups * self.groups_chosen
            raise ConfigError("Experts.chosen", str(self.chosen), f"1 … {most}, the experts of the chosen groups")

    def tiny(self) -> "Experts":
        """Four experts, two of them chosen, 16 wide; the first layer dense where any was."""
        groups = 2 if self.groups > 1 else 1
        return replace(
            self, num=4, chosen=2, width=16, shared_width=16 if self.shared_width else 0, groups=groups, groups_chosen=groups,
            dense_layers=(0,) if self.dense_layers else (),
        )  # fmt: skip

    def build(self, dim: int, *, depth: int) -> "ExpertsModule":
        """The branch for a stack of `depth` blocks."""
        return ExpertsModule(self, dim, depth)


@dataclass(frozen=True, slots=True)
class Routing:
    """Scores (T, E) of all experts, which are chosen (T, k), and with what weight (T, k)."""

    scores: Float[Tensor, "T E"]
    chosen: Int[Tensor, "T k"]
    weights: Float[Tensor, "T k"]


class Router(SelfScaled):
    """hidden (T, D) → Routing, in fp32: a rounded score would choose another expert."""

    choice_bias: Tensor

    def __init__(self, cfg: Experts, dim: int) -> None:
        super().__init__()
        self.cfg, self.dim = cfg, dim
        self.weight = nn.Parameter(torch.empty(cfg.num, dim))
        if cfg.choice_bias:
            self.register_buffer("choice_bias", torch.zeros(cfg.num))

    def stds(self) -> dict[str, float]:
        """As a plain matrix."""
        return {"weight": self.dim**-0.5}

    def forward(self, hidden: Float[Tensor, "T D"]) -> Routing:
        cfg = self.cfg
        with torch.autocast(hidden.device.type, enabled=False):
            logits = hidden.float() @ self.weight.float().T
            scores = logits.softmax(dim=-1) if cfg.score == "softmax" else logits.sigmoid()
            merit = scores.detach() + self.choice_bias if cfg.choice_bias else scores.detach()
            chosen = self._in_best_groups(merit).topk(cfg.chosen, dim=-1).indices
            weights = scores.gather(1, chosen)
            if cfg.renormalise:
                weights = weights / (weights.sum(dim=-1, keepdim=True) + TINY_SUM)
            return Routing(scores, chosen, weights * cfg.scale)

    def _in_best_groups(self, merit: Float[Tensor, "T E"]) -> Float[Tensor, "T E"]:
        """The same with −inf in all but the best groups."""
        cfg = self.cfg
        if cfg.groups_chosen == cfg.groups:
            return merit
        grouped = merit.unflatten(1, (cfg.groups, -1))
        worth = grouped.amax(dim=-1) if cfg.group_score == "max" else grouped.topk(2, dim=-1).values.sum(dim=-1)
        best = torch.zeros_like(worth, dtype=torch.bool).scatter(1, worth.topk(cfg.groups_chosen, dim=-1).indices, True)
        return grouped.masked_fill(~best[:, :, None], -torch.inf).flatten(1)


class ExpertsModule(nn.Module):
    """See `Experts`. Where gradients are wanted, experts that no token chose run on no rows: zero gradients, not none."""

    def __init__(self, cfg: Experts, dim: int, depth: int) -> None:
        super().__init__()
        self.cfg, self.router = cfg, Router(cfg, dim)
        self.experts = nn.ModuleList(_branch(dim, cfg.width, depth) for _ in range(cfg.num))
        if cfg.shared_width:
            self.shared = _branch(dim, cfg.shared_width, depth)

    def forward(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
        routing = self.router(hidden)
        output = self._routed(hidden, routing)
        return output + self.shared(hidden) if self.cfg.shared_width else output

    def _routed(self, hidden: Float[Tensor, "T D"], routing: Routing) -> Float[Tensor, "T D"]:
        """Tokens sorted by expert, one run of rows for each expert, and the results back in the tokens' order."""
        expert = routing.chosen.flatten()
        order = expert.argsort(stable=True)
        counts = torch.bincount(expert, minlength=self.cfg.num).tolist()
        runs = hidden[order // self.cfg.chosen].split(counts)
        wanted = torch.is_grad_enabled()
        outputs = [branch(rows) for branch, rows in zip(self.experts, runs, strict=True) if wanted or len(rows)]
        sorted_output = torch.cat(outputs) if outputs else hidden[:0]
        weights = routing.weights.to(sorted_output.dtype)
        return (sorted_output[order.argsort()].unflatten(0, weights.shape) * weights[:, :, None]).sum(dim=1)


def _branch(dim: int, width: int, depth: int) -> GatedMlp:
    return GatedMlp(dim, width, activation="silu", bias=False, depth=depth)


@contextmanager
def routed(module: nn.Module) -> Iterator[list[Routing]]:
    """Module → the routings of every router in it, in the order in which they run while this is open."""
    seen: list[Routing] = []
    routers = [part for part in module.modules() if isinstance(part, Router)]
    hooks = [router.register_forward_hook(lambda _part, _args, routing: seen.append(routing)) for router in routers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def imbalance(routings: Sequence[Routing], cu_seqlens: Int[Tensor, "S1"]) -> Float[Tensor, "S"]:
    """Routings of a packed stream → E · Σ_e F_e P_e of each document, the mean over layers: the load-balance loss.

    F_e is how often a token of the document chooses expert e, P_e its mean share of the scores; it is `chosen` where both
    are even. By document (as DeepSeek-V2's sequence-wise loss), so that it does not depend on who shares the pack.
    """
    lengths = cu_seqlens.diff().long()
    document = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    size = lengths.clamp(min=1).to(routings[0].scores.dtype)[:, None]
    losses = []
    for routing in routings:
        share = routing.scores / routing.scores.sum(dim=-1, keepdim=True)
        picks = torch.zeros_like(share).scatter(1, routing.chosen, 1.0)
        frequency, mean_share = (share.new_zeros(len(lengths), share.shape[1]).index_add(0, document, x) for x in (picks, share))
        losses.append(share.shape[1] * ((frequency / size) * (mean_share / size)).sum(dim=1))
    return torch.stack(losses).mean(dim=0)

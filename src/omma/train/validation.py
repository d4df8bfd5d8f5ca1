"""Validation: held-out batches → loss per supervised token, over all ranks, without gradient."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from omma.objective.objective import Objective, documents
from omma.schema.batch import Batch
from omma.train.parallel import World


def validate(
    module: nn.Module,
    batches: Iterable[Batch],
    objective: Objective,
    precision: Callable[[], AbstractContextManager[object]],
    world: World,
) -> dict[str, Any] | None:
    """This rank's batches → `loss` (weighted as in training), `token_loss` (per token), `loss_by_source`; None without any."""
    sums: dict[str, tuple[float, int]] = {}
    total = weight = 0.0
    module.eval()
    with torch.no_grad():
        for batch in batches:
            with precision():
                loss = objective(module(batch.to(world.device)), batch.to(world.device))
            total, weight = total + float(loss.total), weight + float(loss.weight)
            _add_sources(sums, batch, loss.token_loss.cpu(), loss.positions.cpu())
    module.train()
    return _report(world.gather((total, weight, sums)))


def _add_sources(sums: dict[str, tuple[float, int]], batch: Batch, token_loss: torch.Tensor, positions: torch.Tensor) -> None:
    owner = documents(batch)[positions]
    per_document = torch.zeros(2, len(batch.sources), dtype=torch.float64)
    per_document[0].index_add_(0, owner, token_loss.double())
    per_document[1].index_add_(0, owner, torch.ones(len(owner), dtype=torch.float64))
    for source, loss, count in zip(batch.sources, *per_document.tolist(), strict=True):
        old = sums.get(source, (0.0, 0))
        sums[source] = (old[0] + loss, old[1] + int(count))


def _report(parts: list[tuple[float, float, dict[str, tuple[float, int]]]]) -> dict[str, Any] | None:
    weight = sum(part[1] for part in parts)
    if not weight:
        return None
    sources = sorted({source for part in parts for source in part[2]})
    per_source = {s: [sum(part[2].get(s, (0.0, 0))[i] for part in parts) for i in (0, 1)] for s in sources}
    tokens = sum(count for _, count in per_source.values())
    return {
        "loss": sum(part[0] for part in parts) / weight,
        "token_loss": sum(loss for loss, _ in per_source.values()) / tokens,
        "loss_by_source": {source: loss / count for source, (loss, count) in per_source.items() if count},
        "supervised": int(tokens),
    }

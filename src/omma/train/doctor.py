"""Doctor: stages + model + materials → what a run will do, before a step is run: a plain record that the command line prints."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.text import Text
from torch import nn

from omma.core.config import Config
from omma.model.slots import built_on_meta, num_parameters
from omma.model.vlm import Vlm
from omma.pack.plan import Planned
from omma.pack.preview import preview
from omma.pack.rows import fit
from omma.train.audit import PartAudit, table
from omma.train.course import Materials
from omma.train.flops import Horizon, Reading, Work
from omma.train.memory import Memory, estimate_memory, size_of
from omma.train.plans import Counted, plan_stage
from omma.train.stage import Stage
from omma.train.window import COUNTS

SAMPLED_BINS = 64  # bins whose rows are read to estimate what the whole plan reads


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage: who trains, how much is read, what it costs. `outcomes` counts the plan's ledger verdicts (leftover, split, …)."""

    name: str
    parts: tuple[PartAudit, ...]
    steps: int
    bins_per_step: int
    fill: float
    documents: int
    tokens: int
    supervised: int
    pictures: int
    patches: int
    flops: float
    memory: Memory
    outcomes: dict[str, int]
    outcome_examples: dict[str, str]
    samples_by_source: dict[str, int]


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that `omma doctor` shows. `previews` have supervised tokens in colour."""

    parameters: int
    samples: int
    heldout: int
    stages: tuple[StageFacts, ...]
    previews: tuple[Text, ...]


def examine(
    stages: Sequence[Stage],
    model: Vlm,
    materials: Materials,
    *,
    recipe: Config,
    seed: int,
    num_previews: int = 3,
    precision: torch.dtype = torch.float32,
) -> Examination:
    """What training would do, from lengths and shapes alone: the model is built on the meta device, one picture is not decoded.

    Raises what planning and freezing raise: a pattern that matches nothing, a budget that nothing fits.
    """
    module = built_on_meta(model.build).to(precision)
    counted = Counted(materials)
    facts = tuple(_stage_facts(stage, module, counted, materials, recipe, seed, first=stage is stages[0]) for stage in stages)
    budget = stages[0].budget
    shown = [materials.samples[i] for i in _spread(len(materials.samples), num_previews)]
    rows = [row for s in shown for row in fit(s, materials.codec, materials.eye, budget.tokens, budget.patches).rows[:1]]
    previews = tuple(preview(row, materials.codec) for row in rows)
    return Examination(num_parameters(module), len(materials.samples), len(materials.heldout), facts, previews)


def _stage_facts(
    stage: Stage, module: nn.Module, counted: Counted, materials: Materials, recipe: Config, seed: int, *, first: bool
) -> StageFacts:
    merged = 0 if first else size_of(module)  # the first stage's weights come in as the stage holds them
    fitted = stage.adapter.fit(module, stage.trains, where=f"stages.{stage.name}", seed=seed)
    planned = plan_stage(stage, counted, recipe=recipe, seed=seed)
    plan, work = planned.plan, Work(module)
    read = _estimate(planned, stage, materials, work.horizon)
    verdicts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for entry in planned.entries():
        verdicts[entry.verdict] += 1
        examples.setdefault(entry.verdict, f"{entry.sample_id}: {entry.reason}")
    sources = Counter(materials.samples[i].source for i in plan.sample.tolist())
    found = StageFacts(
        name=stage.name,
        parts=table(module),
        steps=plan.num_steps,
        bins_per_step=stage.budget.bins_per_step,
        fill=plan.facts.fill,
        documents=len(plan.sample),
        tokens=round(read["tokens"]),
        supervised=round(read["supervised"]),
        pictures=round(read["pictures"]),
        patches=round(read["patches"]),
        flops=work.flops(Reading(**{name: read[name] for name in Reading.__dataclass_fields__})),
        memory=estimate_memory(stage, module, fitted.trained, read["supervised"] / max(1.0, read["tokens"]), merged),
        outcomes=dict(verdicts),
        outcome_examples=examples,
        samples_by_source=dict(sorted(sources.items())),
    )
    fitted.settle()
    return found


def _estimate(planned: Planned, stage: Stage, materials: Materials, horizon: Horizon) -> dict[str, float]:
    """Sums over the whole plan, scaled up from evenly spread bins; their rows are made, their pictures are not read."""
    plan, eye, budget = planned.plan, materials.eye, stage.budget
    bins = _spread(plan.num_bins, SAMPLED_BINS)
    sums: Counter[str] = Counter()
    for number in bins:
        for entry in plan.entries(number):
            sample, variant = materials.samples[plan.sample[entry]], int(plan.variant[entry])
            fitted = fit(sample, materials.codec, eye, budget.tokens, budget.patches, 0 if sample.turns else variant)
            row = fitted.rows[variant if len(fitted.rows) > 1 else 0]
            grids = [grid for picture in row.pictures for grid in picture.plan.grids(eye.patch)]
            sums["tokens"] += row.num_tokens
            sums["supervised"] += int(np.count_nonzero(row.supervised))
            sums["pictures"] += len(row.pictures)
            sums["patches"] += sum(map(math.prod, grids))
            sums["visual"] += sum(picture.num_visual for picture in row.pictures)
            sums.update(horizon.pairs([row.num_tokens], grids))
    scale = plan.num_bins / max(1, len(bins))
    return {name: sums[name] * scale for name in COUNTS}


def forecast(stage: Stage, module: nn.Module, *, share: float = 1.0, precision: torch.dtype = torch.float32) -> Memory:
    """Stage + the model on meta + the share of tokens that is supervised → memory of a step, from shapes alone."""
    module.to(precision)
    fitted = stage.adapter.fit(module, stage.trains, where=f"stages.{stage.name}", seed=0)
    found = estimate_memory(stage, module, fitted.trained, share)
    fitted.settle()
    return found


def _spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread."""
    return sorted({i * count // min(count, most) for i in range(min(count, most))})

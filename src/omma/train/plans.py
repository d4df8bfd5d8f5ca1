"""Plans: stages + samples → one plan per stage, written as `plan/<stage>.parquet`, with ledger rows for what they leave out."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from omma.core.config import Config, fingerprint
from omma.core.errors import DataError
from omma.core.runs import RunFolder
from omma.core.seeds import derive
from omma.pack.lengths import Lengths
from omma.pack.plan import Budget, Planned, build_plan
from omma.pack.rows import fitted_lengths
from omma.schema.manifest import manifest_hash
from omma.schema.plan import Plan
from omma.schema.sample import Sample
from omma.train.course import Materials
from omma.train.stage import Epochs, Stage, Steps


def plan_stages(stages: Sequence[Stage], materials: Materials, run: RunFolder, *, recipe: Config, seed: int) -> dict[str, Plan]:
    """Stages + what they read → plans by stage name. A plan on disk that is a function of the same things is read, not made again.

    DataError if there are no samples, if none fits a stage's budget or if a mixture names a source without samples.
    """
    counted, plans = Counted(materials), {}
    for stage in stages:
        path = plan_path(run, stage)
        facts = Plan.read(path).facts if path.exists() else None
        made_of = counted.manifest, fingerprint(recipe), _seed(seed, stage)
        if facts is None or (facts.manifest, facts.recipe, facts.seed) != made_of:
            planned = plan_stage(stage, counted, recipe=recipe, seed=seed)
            with run.ledger.step(f"plan-{stage.name}") as book:
                book.extend(planned.entries())
            planned.plan.save(path)  # after the ledger: a plan on disk means that its leftovers are told
        plans[stage.name] = Plan.read(path)
    return plans


class Counted:
    """What all stages' plans need of the samples, worked out once: their hash, and their lengths under a budget."""

    def __init__(self, materials: Materials) -> None:
        self.samples, self._materials = materials.samples, materials
        self._lengths: dict[tuple[int, int], Lengths] = {}

    @cached_property
    def manifest(self) -> str:
        """Hash of the samples in order."""
        return manifest_hash(self.samples)

    def lengths(self, budget: Budget) -> Lengths:
        """Lengths with conversations split to fit a bin of this budget."""
        key = budget.tokens, budget.patches
        if key not in self._lengths:
            self._lengths[key] = _lengths(self.samples, self._materials, budget)
        return self._lengths[key]


def plan_stage(stage: Stage, counted: Counted, *, recipe: Config, seed: int) -> Planned:
    """One stage → its plan, in memory, with the ledger rows for what it leaves out."""
    if not counted.samples:
        raise DataError(f"plan {stage.name}", "no samples", "at least one", "look at what curation dropped in the report")
    return build_plan(
        counted.lengths(stage.budget),
        [sample.id for sample in counted.samples],
        [sample.source for sample in counted.samples],
        stage.mixture,
        stage.budget,
        seed=_seed(seed, stage),
        steps=stage.length.count if isinstance(stage.length, Steps) else 0,
        epochs=stage.length.count if isinstance(stage.length, Epochs) else 0.0,
        stage=stage.name,
        manifest=counted.manifest,
        recipe=fingerprint(recipe),
    )


def plan_heldout(stage: Stage, materials: Materials, seed: int) -> Plan:
    """Stage + held-out samples → a plan of single bins, each sample once, for validation."""
    budget = Budget(tokens=stage.budget.tokens, patches=stage.budget.patches, bins_per_step=1)
    names = [sample.id for sample in materials.heldout], [sample.source for sample in materials.heldout]
    counted = _lengths(materials.heldout, materials, budget)
    return build_plan(counted, *names, {}, budget, seed=_seed(seed, stage), epochs=1.0, stage=f"{stage.name}-heldout").plan


def share(plan: Plan, rank: int, ranks: int, most: int) -> Plan:
    """Plan of single bins → this rank's bins among the first `most` (0: all), numbered anew."""
    mine = (plan.bin % ranks == rank) & ((plan.bin < most) | (most == 0))
    numbers = np.unique(plan.bin[mine], return_inverse=True)[1].astype(np.int32)
    return dataclasses.replace(plan, sample=plan.sample[mine], variant=plan.variant[mine], bin=numbers)


def plan_path(run: RunFolder, stage: Stage) -> Path:
    """Where a stage's plan lies."""
    return run / f"plan/{stage.name}.parquet"


def _lengths(samples: Sequence[Sample], materials: Materials, budget: Budget) -> Lengths:
    return fitted_lengths(samples, materials.codec, materials.eye, budget.tokens, budget.patches)


def _seed(seed: int, stage: Stage) -> int:
    return derive(seed, "plan", stage.name)

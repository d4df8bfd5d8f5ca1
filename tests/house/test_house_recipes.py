"""Every recipe of the catalogue: full size on the meta device, true to its claims, the same as YAML, and a tiny one that trains.

`OMMA_GOLDEN=write pytest tests/house/test_house_recipes.py` writes the golden texts anew; read the difference before it is kept.
"""

import dataclasses
import importlib
import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from omma.cli.catalogue import catalogue
from omma.core.config import load, show
from omma.core.runs import RunFolder
from omma.media.store import Store
from omma.model.slots import built_on_meta
from omma.nn.init import init
from omma.recipe import Recipe
from omma.schema.sample import Sample
from omma.schema.view import num_slots
from omma.train.audit import table
from omma.train.course import Materials
from omma.train.job import train
from omma.train.loop import Settings
from omma.train.parallel import world
from omma.train.stage import Stage

GOLDEN = Path(__file__).parents[1] / "golden/recipes"
NAMES = sorted(catalogue())
SYSTEMS = [name for name in NAMES if catalogue()[name].module.startswith("omma_recipes.systems.")]
OneStep = Callable[[Stage], Stage]
SamplesOf = Callable[[str, Path], list[Sample]]


@cache
def recipe(name: str) -> Recipe:
    return getattr(importlib.import_module(catalogue()[name].module), name)()


@cache
def on_meta(name: str) -> nn.Module:
    return built_on_meta(recipe(name).model.build)


def test_the_catalogue_has_recipes_with_names_and_ids_of_their_own() -> None:
    assert "quickstart" in NAMES
    ids = [recipe(name).id for name in NAMES]
    assert len(set(ids)) == len(ids)
    assert all(catalogue()[name].summary for name in NAMES)


def test_golden_texts_are_those_of_the_catalogue() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(NAMES) | set(catalogue("Part"))


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_the_golden_one_and_loads_back(name: str) -> None:
    text, file = show(recipe(name)), GOLDEN / f"{name}.yaml"
    if os.environ.get("OMMA_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} has changed; if that is meant, write {file.name} anew"
    assert load(text, where=name) == recipe(name)


@pytest.mark.parametrize("name", NAMES)
def test_parameter_counts_are_as_claimed(name: str) -> None:
    sizes = {key: value.numel() for key, value in on_meta(name).named_parameters()}
    assert sum(sizes.values()) > 0
    for pattern, count in recipe(name).claims.parameters.items():
        assert sum(size for key, size in sizes.items() if fnmatchcase(key, pattern)) == count, pattern


@pytest.mark.parametrize("name", SYSTEMS)
def test_claims_of_a_system_name_a_source_and_count_every_parameter(name: str) -> None:
    claims = recipe(name).claims
    assert claims.source, "where its numbers were read, or that they are not published"
    uncounted = [
        key for key, _ in on_meta(name).named_parameters() if not any(fnmatchcase(key, glob) for glob in claims.parameters)
    ]
    assert not uncounted, f"{len(uncounted)} parameters that no claim counts; first {uncounted[0]}"
    assert set(claims.trainable) == {stage.name for stage in recipe(name).stages}, "what trains in every stage"


@pytest.mark.parametrize("name", NAMES)
def test_visual_tokens_are_as_claimed(name: str) -> None:
    model, claims = recipe(name).model, recipe(name).claims.visual_tokens
    assert claims, "a recipe claims the visual tokens of at least one picture size"
    found = {size: num_slots(model.layout(model.plan(*map(int, size.split("x"))))) for size in claims}
    assert found == claims


@pytest.mark.parametrize("name", NAMES)
def test_trained_parts_are_as_claimed(name: str) -> None:
    stages = {stage.name: stage for stage in recipe(name).stages}
    claimed = recipe(name).claims.trainable
    assert claimed.keys() <= stages.keys()
    for stage in stages.values():
        fitted = stage.adapter.fit(on_meta(name), stage.trains, where=stage.name, seed=0)
        found = {part.part for part in table(on_meta(name)) if part.trained_values}
        fitted.settle()
        assert found and found == set(claimed.get(stage.name, found)), stage.name


@pytest.mark.parametrize("name", NAMES)
def test_tiny_recipe_trains_a_step_of_every_stage(name: str, tmp_path: Path, one_step: OneStep, samples_of: SamplesOf) -> None:
    small = dataclasses.replace(recipe(name).tiny(), stages=tuple(map(one_step, recipe(name).tiny().stages)))
    samples = [sample for source in small.data.sources for sample in samples_of(source, tmp_path)]
    codec = small.model.text.fit(samples, tmp_path / "tokenizer")
    materials = Materials(samples, samples[:2], codec, small.model, Store(tmp_path))
    module, run = init(small.model.build(), 0), RunFolder(tmp_path / "run")
    with world("cpu") as here:
        finals = train(small.stages, module, materials, run, recipe=small, world=here, settings=Settings(log_every=1))
    assert [final.stage for final in finals] == [stage.name for stage in small.stages]
    losses = [line["loss"] for line in run.log.read() if line["event"] == "step"]
    assert len(losses) == len(small.stages) and np.isfinite(losses).all()

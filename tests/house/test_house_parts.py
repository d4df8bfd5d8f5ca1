"""Every part of the catalogue: true to its claims and to transformers' class of that size, the same as YAML, small in a model.

`OMMA_GOLDEN=write pytest tests/house/test_house_parts.py` writes the golden texts anew, as for recipes.
"""

import csv
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from omma.cli.catalogue import catalogue
from omma.cli.find import find_tree
from omma.cli.main import answer
from omma.core.config import Config, load, show
from omma.core.runs import RunFolder
from omma.media.store import Store
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.slots import built_on_meta, num_parameters
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.recipe import LanguageModel, Part, VisionTower
from omma.schema.sample import Sample
from omma.train.course import Materials
from omma.train.job import train
from omma.train.loop import Settings
from omma.train.parallel import world
from omma.train.stage import Stage
from omma.weights.family import Vocabulary, family_for

GOLDEN = Path(__file__).parents[1] / "golden/recipes"
ROWS = Path(__file__).parents[2] / "../shared/reference/systems.csv"
NAMES = sorted(catalogue("Part"))
NO_ROW = ("qwen2-vl-tower", "qwen2-5-vl-tower", "qwen3-vl-tower")  # towers that the catalogue of systems counts with their models


@cache
def part(name: str) -> Part:
    made = getattr(importlib.import_module(catalogue("Part")[name].module), name)()
    assert isinstance(made, LanguageModel | VisionTower)
    return made


@cache
def on_meta(name: str) -> nn.Module:
    return built_on_meta(part(name).build)


def test_parts_have_names_and_ids_of_their_own() -> None:
    assert not set(NAMES) & set(catalogue()), "a name means a recipe or a part"
    ids = [part(name).id for name in NAMES]
    assert len(set(ids)) == len(ids) and all(catalogue("Part")[name].summary for name in NAMES)


@pytest.mark.skipif(not ROWS.is_file(), reason="../shared/reference is not here")
def test_ids_begin_with_a_row_of_the_catalogue_of_systems() -> None:
    with ROWS.open(encoding="utf-8", newline="") as file:
        rows = {row["id"] for row in csv.DictReader(file)} | set(NO_ROW)
    strange = [name for name in NAMES if not any(part(name).id == row or part(name).id.startswith(f"{row}-") for row in rows)]
    assert not strange


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_the_golden_one_and_loads_back(name: str) -> None:
    text, file = show(part(name)), GOLDEN / f"{name}.yaml"
    if os.environ.get("OMMA_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} has changed; if that is meant, write {file.name} anew"
    assert load(text, where=name) == part(name) == find_tree(str(file))


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_as_claimed_with_a_source(name: str) -> None:
    claims = part(name).claims
    assert claims.source and claims.parameters == {"*": num_parameters(on_meta(name))}
    if isinstance(made := part(name), VisionTower):
        assert claims.visual_tokens
        assert {size: made.num_features(*map(int, size.split("x"))) for size in claims.visual_tokens} == claims.visual_tokens


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_the_released_class(name: str) -> None:
    """Whatever a part is written as when it is exported, transformers builds with as many values, but for what we leave out."""
    made = part(name)
    if isinstance(made, LanguageModel):
        family, config = family_for(made.language, "language", Vocabulary(made.vocab_size))
        names = family.names(made.language, config)
    else:
        assert isinstance(made, VisionTower)
        family, config = family_for(made.encoder, "vision", Vocabulary(0))
        names = family.names(made.encoder, config)
    theirs = theirs_on_meta(config, next(iter(config.get("architectures", family.architectures))))
    left_out = dict(names.added).values()
    merger = num_parameters(theirs.get_submodule("merger")) if hasattr(theirs, "merger") else 0
    lists = sum(num_parameters(mergers) for key, mergers in theirs.named_children() if key == "deepstack_merger_list")
    assert num_parameters(theirs) - merger - lists == num_parameters(on_meta(name)) + sum(make().numel() for make in left_out)


def theirs_on_meta(config: Mapping[str, Any], architecture: str) -> nn.Module:
    """config.json → transformers' module of that class."""
    sizes = {key: value for key, value in config.items() if key not in ("architectures", "model_type")}
    kind = CONFIG_MAPPING[str(config["model_type"])]
    module = importlib.import_module(kind.__module__.replace("configuration_", "modeling_"))
    with torch.device("meta"):
        made = getattr(module, architecture)._from_config(kind(**sizes))
    assert isinstance(made, nn.Module)
    return made


def slot(made: Part) -> Config:
    """What a part puts into a model, small."""
    small = made.tiny()
    assert isinstance(small, LanguageModel | VisionTower)
    return small.language if isinstance(small, LanguageModel) else small.encoder


TWINS = {show(slot(part(name))): name for name in NAMES}  # of many sizes of a line the small one is the same


@pytest.mark.parametrize("name", TWINS.values())
def test_a_tiny_part_trains_a_step_inside_a_model(
    name: str, tmp_path: Path, one_step: Callable[[Stage], Stage], samples_of: Callable[[str, Path], list[Sample]]
) -> None:
    small = part(name).tiny()
    chat = Chat(tokenizer=TrainedBpe(vocab_size=512))
    model = Vlm(view=Fixed().tiny(), encoder=ViT().tiny(), connector=Mlp(), language=Decoder().tiny(), text=chat)
    if isinstance(small, LanguageModel):
        model = replace(model, language=small.language)
    elif isinstance(small, VisionTower):
        model = replace(model, view=small.view, encoder=small.encoder)
    stage = one_step(Stage(name="learn"))
    samples = samples_of("web", tmp_path)
    materials = Materials(samples, samples[:2], chat.fit(samples, tmp_path / "tokenizer"), model, Store(tmp_path))
    module, run = init(model.build(), 0), RunFolder(tmp_path / "run")
    before = {key: value.clone() for key, value in module.named_parameters()}
    with world("cpu") as here:
        train((stage,), module, materials, run, recipe=small, world=here, settings=Settings(log_every=1))
    moved = [key for key, value in module.named_parameters() if not torch.equal(value, before[key])]
    own = "language." if isinstance(small, LanguageModel) else "encoder."
    assert any(key.startswith(own) for key in moved)


def test_a_part_is_listed_shown_and_told_of_and_is_no_recipe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert answer(["recipes", "naflex"]) == 0 and "siglip2_so400m_16_naflex" in capsys.readouterr().out
    assert answer(["show", "siglip_so400m_14_384", "encoder.depth=3"]) == 0
    (tmp_path / "mine.yaml").write_text(text := capsys.readouterr().out, encoding="utf-8")
    assert "depth: 3" in text
    assert answer(["doctor", str(tmp_path / "mine.yaml"), "--shapes"]) == 0
    told = capsys.readouterr().out
    depth_3 = num_parameters(
        built_on_meta(replace(ViT(patch=14, width=1152, heads=16, mlp_width=4304, image_size=384), depth=3).build)
    )
    assert f"{depth_3:,}" in told and "729" in told
    assert answer(["doctor", "qwen3_06b", "--shapes"]) == 0 and "596,049,920" in capsys.readouterr().out
    assert answer(["train", "qwen3_06b"]) == 2
    said = capsys.readouterr().err
    assert "qwen3_06b: a LanguageModel, one part of a model; expected a Recipe" in said and "weights.language=FOLDER" in said
    assert answer(["doctor", "qwen3_06b", "weights.model=x", "--shapes"]) == 2
    assert answer(["doctor", "qwen3_0b6", "--shapes"]) == 2 and "did you mean 'qwen3_06b'" in capsys.readouterr().err

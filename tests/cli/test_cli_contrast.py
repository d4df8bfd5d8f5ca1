"""Two towers by name: listed, shown, examined, trained by one command, and then asked by a filter of another run."""

import importlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from omma.answerers.services.space import Space
from omma.cli.catalogue import catalogue
from omma.cli.find import find_recipe, find_trained, find_tree
from omma.cli.main import answer
from omma.core.config import load, show
from omma.core.errors import ConfigError
from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.curate.operators.clip_score import ClipScore
from omma.media.store import Store
from omma.model.slots import built_on_meta, num_parameters
from omma.recipe import Contrast
from omma.schema.manifest import read_manifest
from omma_recipes.runs.clip_small import clip_small

GOLDEN = Path(__file__).parents[1] / "golden/contrasts"
NAMES = sorted(catalogue("Contrast"))


def contrast(name: str) -> Contrast:
    made = getattr(importlib.import_module(catalogue("Contrast")[name].module), name)()
    assert isinstance(made, Contrast)
    return made


def test_names_and_ids_are_of_their_own() -> None:
    others = catalogue() | catalogue("Part") | catalogue("Curation")
    assert "clip_small" in NAMES and not set(NAMES) & set(others)
    assert len({contrast(name).id for name in NAMES}) == len(NAMES) == len(list(GOLDEN.glob("*.yaml")))


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_the_golden_one_and_loads_back(name: str) -> None:
    text, file = show(contrast(name)), GOLDEN / f"{name}.yaml"
    if os.environ.get("OMMA_GOLDEN") == "write":
        write_text(file, text)
    assert text == file.read_text(encoding="utf-8"), f"{name} has changed; if that is meant, write {file.name} anew"
    assert load(text, where=name) == contrast(name) == find_trained(str(file))


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_as_claimed(name: str) -> None:
    made = contrast(name)
    assert made.claims.parameters == {"*": num_parameters(built_on_meta(made.build))}


def test_one_command_trains_and_a_filter_asks_what_it_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = clip_small()
    (world,) = recipe.data.world
    world = replace(world, num_pictures=24, num_heldout=8)  # type: ignore[call-arg]
    small = replace(recipe.tiny(), data=replace(recipe.data, world=(world,)), run=replace(recipe.run, folder=str(tmp_path / "run")))
    write_text(tmp_path / "mine.yaml", show(small))
    assert answer(["curate", str(tmp_path / "mine.yaml"), "stage.steps=2"]) == 0, capsys.readouterr()
    assert answer(["train", str(tmp_path / "mine.yaml")]) == 0, "a stage may change until it has begun"
    run = RunFolder(tmp_path / "run")
    facts = run.done("train-contrast")
    assert facts is not None and facts["checkpoint"] == "contrast-00000004" and facts["pictures"] <= 24
    lines = [line for line in run.log.read() if line["event"] == "validation"]
    assert lines and lines[-1]["count"] <= 8
    asked = ClipScore(model=Space(folder=str(run.path), device="cpu", rows=4))
    samples = read_manifest(run / "data/heldout.parquet")[:3]
    scores = [one.score for one in asked.score(samples, Store(run / "raw"))]
    assert all(-1 <= score <= 1 for score in scores) and len(set(scores)) > 1
    weights = run / "checkpoints/contrast-00000004/model.safetensors"
    before = weights.read_bytes()
    assert answer(["train", str(tmp_path / "mine.yaml"), "stage.steps=2"]) != 0
    assert "was begun with another recipe" in capsys.readouterr().err
    assert answer(["train", str(run.path)]) == 0
    assert weights.read_bytes() == before


def test_other_verbs_know_it_or_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["recipes", "clip_small"]) == 0
    assert "clip_small" in capsys.readouterr().out
    assert answer(["show", "clip_small", "stage.batch=8"]) == 0
    assert "batch: 8" in capsys.readouterr().out
    assert answer(["doctor", "clip_small", "--shapes"]) == 0
    out = capsys.readouterr().out
    assert "picture_head" in out and f"{num_parameters(built_on_meta(clip_small().build)):,}" in out
    with pytest.raises(ConfigError, match=r"a Contrast, two towers that write nothing.*omma train clip_small"):
        find_recipe("clip_small")
    assert isinstance(find_tree("clip_small"), Contrast)

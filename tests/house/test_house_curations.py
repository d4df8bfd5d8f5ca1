"""Every curation of the catalogue: true to its claims and to the catalogue of systems, the same as YAML, and one that runs.

`OMMA_GOLDEN=write pytest tests/house/test_house_curations.py` writes the golden texts anew, as for recipes.
"""

import csv
import functools
import importlib
import os
from pathlib import Path

import pytest

from omma.cli.catalogue import catalogue
from omma.cli.find import find_curation, find_recipe
from omma.cli.main import answer
from omma.core.config import load, show
from omma.core.errors import ConfigError
from omma.curate.worlds.spatial import Spatial
from omma.recipe import Curation
from omma.schema.manifest import read_manifest

GOLDEN = Path(__file__).parents[1] / "golden/curations"
OWN = {"web-pairs"}  # recipes that are nobody's paper
ROWS = Path(__file__).parents[2] / "../shared/reference/systems.csv"
NAMES = sorted(catalogue("Curation"))


def curation(name: str) -> Curation:
    made = getattr(importlib.import_module(catalogue("Curation")[name].module), name)()
    assert isinstance(made, Curation)
    return made


def test_curations_have_names_and_ids_of_their_own() -> None:
    assert {"capfilt", "sail_caption", "remoteclip"} <= set(NAMES)
    ids = [curation(name).id for name in NAMES]
    assert len(set(ids)) == len(ids) and all(catalogue("Curation")[name].summary for name in NAMES)
    assert not set(NAMES) & (set(catalogue()) | set(catalogue("Part")))
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_the_golden_one_and_loads_back(name: str) -> None:
    text, file = show(curation(name)), GOLDEN / f"{name}.yaml"
    if os.environ.get("OMMA_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} has changed; if that is meant, write {file.name} anew"
    assert load(text, where=name) == curation(name)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_as_claimed(name: str) -> None:
    made = curation(name)
    operators = {operator.name: operator for operator in made.data.operators}
    assert made.source
    for path, stated in made.claims.items():
        operator, *fields = path.split(".")
        assert functools.reduce(getattr, fields, operators[operator]) == stated, path


def test_ids_are_those_of_the_catalogue_of_systems() -> None:
    if not ROWS.is_file():
        pytest.skip(f"no catalogue of systems at {ROWS.resolve()}")
    with ROWS.open(encoding="utf-8", newline="") as file:
        known = {row["id"] for row in csv.DictReader(file)}
    assert {curation(name).id for name in NAMES} - OWN <= known


def test_a_curation_is_made_by_its_name_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RemoteCLIP's, on drawn boxes: captions in the manifest. A verb that trains says what to do instead."""
    Spatial(folder="w", num_pictures=4, num_heldout=1).draw(tmp_path)
    changes = [f"data.root={tmp_path / 'w/train'}", "data.sources.boxes.path=instances.json", f"run.folder={tmp_path / 'run'}"]
    assert answer(["curate", "remoteclip", *changes, "run.curate_workers=0"]) == 0, capsys.readouterr()
    texts = [c.text for sample in read_manifest(tmp_path / "run/data/train.parquet") for c in sample.captions]
    assert texts and all(text.endswith(".") for text in texts)
    assert find_curation(str(tmp_path / "run")).id == "remoteclip"
    with pytest.raises(ConfigError, match="omma curate remoteclip"):
        find_recipe("remoteclip")
    assert answer(["doctor", "remoteclip", "--shapes"]) != 0
    assert "omma curate remoteclip" in capsys.readouterr().err
    assert answer(["recipes", "capfilt"]) == 0
    assert "CapFilt" in capsys.readouterr().out

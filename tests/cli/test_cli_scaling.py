"""`omma scaling` as a person types it: variants at nested sizes, curves, and what cannot be had in one line."""

import json

import pytest

from omma.cli.scaling import read_sizes, variants
from omma.core.errors import ConfigError
from omma.curate.data import Data
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.schema.manifest import read_manifest
from tests.cli.conftest import LAB, call, make_data


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A desk with pictures/ and lab.py."""
    folder = tmp_path_factory.mktemp("sizes")
    make_data(folder / "pictures")
    (folder / "lab.py").write_text(LAB)
    return folder


def test_sizes_and_operators_make_curves(place):
    words = ("scaling", "./lab.py:mine", "--sizes", "20,40,80", "--without", "each", "--seeds", "1", "run.folder=sizes")
    plan = call(*words, "--dry-run", folder=place)
    assert plan.code == 0 and "6 trials, 0 done" in plan.out, plan.err
    said = call(*words, folder=place)
    assert said.code == 0, said.err
    found = json.loads((place / "sizes/curves.json").read_text())
    assert found["variants"] == ["all", "without-decode"] and found["sizes"] == [20, 40, 80]
    loss = found["curves"][1]
    assert loss["name"] == "caption_loss loss" and loss["law"] == "loglinear" and loss["held_out_errors"]["power"] is None
    assert len(loss["variants"]) == 2 and loss["variants"][0]["worth"]["value"] == 1.0
    assert "from 80 to 160 rows" in said.out and (place / "sizes/curves.svg").exists()
    again = call(*words[:3], "20,40,60,80", *words[4:], "--dry-run", folder=place)
    assert "8 trials, 6 done" in again.out, "sizes that are added leave the others as they are"
    small, large = (read_manifest(place / f"sizes/trials/all-{size}-s0/data/train.parquet") for size in (20, 80))
    assert {row.id for row in small} < {row.id for row in large} and len(small) == 20


def test_variants_are_the_whole_then_what_is_lacking_then_what_is_kept():
    data = Data(sources={"captions": CaptionsJsonl()}, operators=(Decode(), Size(), Aspect()))
    found = variants(data, ["size,aspect", "each"], ["decode"])
    names = {name: [operator.name for operator in one.operators] for name, one in found.items()}
    assert names == {
        "all": ["decode", "size", "aspect"],
        "without-size-aspect": ["decode"],
        "without-decode": ["size", "aspect"],
        "without-size": ["decode", "aspect"],
        "without-aspect": ["decode", "size"],
        "with-decode": ["decode"],
    }


@pytest.mark.parametrize("text", ["", "20", "20,x", "20,20", "0,20"])
def test_sizes_are_two_or_more_numbers(text):
    with pytest.raises(ConfigError, match="two or more numbers of rows"):
        read_sizes(text)
    assert read_sizes("40,20") == (20, 40)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sizes", "20"), "error: --sizes: '20'; expected two or more numbers of rows"),
        (("--sizes", "20,40", "--without", "decod"), "error: --without: no operator 'decod' in the recipe's data; did you mean"),
        (("--sizes", "20,400"), "error: --sizes: 400, but all has 96 rows"),
    ],
)
def test_sizes_that_cannot_be_had_cost_one_line(words, message, place):
    said = call("scaling", "./lab.py:mine", *words, folder=place)
    assert said.code == 2 and message in said.err, said.err

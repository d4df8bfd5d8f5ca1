"""`omma new`: what it tells of a folder, the recipe it writes, and that this recipe runs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared/real"


def test_new_tells_writes_and_refuses_to_overwrite(omma: Callable, desk: Path) -> None:
    said = omma("new", "pictures")
    assert said.code == 0, said.err
    for told in (
        "61 .png",
        "MessagesJsonl at messages.jsonl: 60 rows",
        "CaptionsJsonl at captions.jsonl: 61 rows",
        "not a picture: broken.png",
    ):
        assert told in said.out
    assert "wrote pictures_recipe.py; next: omma doctor ./pictures_recipe.py" in said.out
    before = (desk / "pictures_recipe.py").read_text()
    again = omma("new", "pictures")
    assert again.code == 2 and "pictures_recipe.py: is there already; give another name with --output FILE.py" in again.err
    assert (desk / "pictures_recipe.py").read_text() == before
    assert omma("new", "pictures", "--output", "other.py").code == 0


def test_the_recipe_it_writes_is_whole(omma: Callable) -> None:
    omma("new", "pictures")
    said = omma("show", "./pictures_recipe.py")
    assert said.code == 0, said.err
    for told in ("root: pictures", "name: captions", "name: instruct", "CaptionLoss", "Accuracy"):
        assert told in said.out


@pytest.mark.slow
def test_the_recipe_it_writes_runs(omma: Callable, desk: Path) -> None:
    omma("new", "pictures")
    small = [
        "data.max_errors=0.5",
        "data.operators.1.min_side=8",
        "suite.0.limit=2",
        "suite.1.limit=2",
        "suite.captions_loss.shown=1",
    ]
    small += [f"stages.{name}.length={{class: omma.train.stage.Steps, count: 2}}" for name in ("captions", "instruct")]
    said = omma("run", "./pictures_recipe.py", "run.curate_workers=0", "run.threads=1", *small)
    assert said.code == 0, said.err
    assert (desk / "runs/pictures/report.html").exists()


@pytest.mark.parametrize(("name", "message"), [("nowhere", "no such folder"), ("lab.py", "a file"), ("empty", "an empty folder")])
def test_folders_that_hold_nothing_are_refused(omma: Callable, desk: Path, name: str, message: str) -> None:
    (desk / "empty").mkdir()
    said = omma("new", name)
    assert said.code == 2 and message in said.err and not list(desk.glob("*_recipe.py"))


def test_folder_names_that_python_does_not_like_become_names(omma: Callable, desk: Path) -> None:
    (desk / "2 cats!").mkdir()
    for number in range(3):
        (desk / f"2 cats!/{number}.png").write_bytes((desk / f"pictures/{number}.png").read_bytes())
    rows = [json.dumps({"image": f"{number}.png", "caption": 'a "small" cat'}) + "\n" for number in range(3)]
    (desk / "2 cats!/captions.jsonl").write_text("".join(rows))
    assert omma("new", "2 cats!").code == 0
    assert re.search(r"^id: my_2_cats$", omma("show", "./my_2_cats_recipe.py").out, re.MULTILINE)


@pytest.mark.parametrize("name", ["coco-small", "easy-vqa"])
def test_real_folders_get_a_recipe(omma: Callable, desk: Path, name: str) -> None:
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is absent: real pictures lie outside the repository")
    said = omma("new", REAL / name)
    assert said.code == 0, said.err
    assert omma("show", f"./{name.replace('-', '_')}_recipe.py").code == 0

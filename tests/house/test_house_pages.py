"""What the pages say is true: commands exist, examples run, links lead somewhere, every room has its page."""

import ast
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch

from omma.cli.catalogue import catalogue
from omma.cli.find import find_recipe, load_file
from omma.cli.main import VERBS, answer
from omma.schema.batch import Stream

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = "```"


def blocks(page: Path, kind: str) -> list[str]:
    """Fenced blocks of one kind."""
    fenced = [block.partition("\n") for block in page.read_text(encoding="utf-8").split(FENCE)[1::2]]
    return [body for head, _, body in fenced if head == kind]


def commands(page: Path) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= targets, words
        elif words[0] == "omma" and words[1] != "--help":
            assert words[1] in VERBS, words
            if words[1] in ("run", "show", "doctor", "train") and "/" not in words[2] and "." not in words[2]:
                assert words[2] in catalogue(), words
            if words[1] == "eval" and len(words) > 3 and not words[3].startswith("-"):
                assert set(words[3].split(",")) <= catalogue("Suite").keys(), words


def test_the_page_of_recipes_is_the_catalogue_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["recipes", "--markdown"]) == 0
    made, page = capsys.readouterr().out, ROOT / "docs/RECIPES.md"
    if os.environ.get("OMMA_GOLDEN") == "write":
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, "write it anew: omma recipes --markdown > docs/RECIPES.md"
    assert all(f"| `{name}` |" in made for name in catalogue() | catalogue("Part"))


def test_changes_in_commands_fit_their_recipes(tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(blocks(ROOT / "CONTRIBUTING.md", "python")[0], encoding="utf-8")
    tried = 0
    for words in (*commands(ROOT / "README.md"), *commands(ROOT / "CONTRIBUTING.md")):
        changes = [word for word in words[3:] if "=" in word and not word.startswith("weights.")]  # those name folders
        if changes and words[2] in catalogue():
            find_recipe(words[2], changes=changes, parts=[tmp_path / "gated.py"] if "--parts" in words else [])
            tried += 1
    assert tried >= 3


def test_recipe_of_the_readme_works(tmp_path: Path) -> None:
    file = tmp_path / "lab_of_the_readme.py"
    file.write_text(blocks(ROOT / "README.md", "python")[0], encoding="utf-8")
    assert type(find_recipe(f"{file}:mine").model.connector).__name__ == "Mlp"


def test_connector_of_the_contributing_page_works(tmp_path: Path) -> None:
    file = tmp_path / "gated_by_hand.py"
    file.write_text(blocks(ROOT / "CONTRIBUTING.md", "python")[0], encoding="utf-8")
    module = load_file(file).Gated().build(in_dim=6, out_dim=4)
    hidden = torch.randn(9, 6)
    zeros = torch.zeros(9, dtype=torch.long)
    stream = Stream(hidden, zeros[:, None], torch.tensor([0, 9]), zeros, torch.arange(9))
    seen = module(stream, torch.tensor([[1, 3, 3]]))
    assert torch.allclose(seen, hidden @ module.project.weight.T + module.project.bias)
    seen.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_every_room_has_its_page_and_the_tree_names_it() -> None:
    rooms = {path.name for path in (ROOT / "src/omma").iterdir() if (path / "__init__.py").exists()}
    assert {path.stem for path in (ROOT / "docs/rooms").glob("*.md")} == rooms
    tree = blocks(ROOT / "README.md", "")[-1]
    assert all(f"{room}/" in tree for room in rooms)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target
    for name in re.findall(r"`((?:src|tests|docs|benchmarks)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists() or "gated" in name, name


def test_python_blocks_parse() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            ast.parse(block)


def test_help_of_make_names_its_targets() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("quickstart", "test", "quick", "check"):
        assert f"make {target}" in said


def test_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text

"""Imports go down the floors of docs/ARCHITECTURE.md only, never sideways; the light rooms never load torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/omma"
LIGHT = ("core", "media", "metrics", "curate")  # rooms that never import torch
HEAVY = ("torch", "transformers", "torchvision")


def floors() -> dict[str, int]:
    """Room → floor, read from the drawing in the architecture page, so that the page cannot drift from the test."""
    page = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
    drawing = page[page.index("## Floors") :].split("```")[1]
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    found = {}
    for line in drawing.splitlines():
        if match := re.match(r"(\d)\s+(.*)", line):
            words = re.split(r"\s{4,}", match[2])[0] if len(re.split(r"\s{3,}", match[2])) == 1 else match[2]
            found |= {word: int(match[1]) for word in re.findall(r"[a-z]+", words) if word in rooms}
    return found | {"recipe": 8}


FLOORS = floors()
FILES = sorted(SOURCE.rglob("*.py"))


def imported(tree: ast.AST) -> list[tuple[str, int]]:
    """Absolute names of everything a module imports, with line numbers; `from omma import x` counts as omma.x."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            names = [f"omma.{alias.name}" for alias in node.names] if node.module == "omma" else [str(node.module)]
            found += [(name, node.lineno) for name in names]
    return found


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(FLOORS) - {"recipe"}


def test_the_drawing_is_read_rightly() -> None:
    assert (FLOORS["core"], FLOORS["schema"], FLOORS["media"], FLOORS["nn"]) == (0, 1, 2, 2)
    assert (FLOORS["answerers"], FLOORS["train"], FLOORS["report"], FLOORS["cli"]) == (5, 6, 7, 8)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for name, line in imported(ast.parse(path.read_text(encoding="utf-8"))):
        parts = name.split(".")
        if parts[0] != "omma":
            assert parts[0] != "omma_recipes", f"{path}:{line}: recipes are found by name, never imported"
            continue
        target = parts[1] if len(parts) > 1 else ""
        assert target in FLOORS, f"{path}:{line}: {name} belongs to no room"
        same = target == room or (room == "cli" and target == "recipe")
        assert same or FLOORS[target] < FLOORS[room], f"{path}:{line}: {room} (floor {FLOORS[room]}) imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_own_rooms_are_imported_at_the_top_of_a_file(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [name for name, _ in imported(node) if name.split(".")[0] in ("omma", "omma_recipes")]
            assert not hidden, f"{path}:{node.lineno}: {node.name} imports {hidden[0]} when it is called"


def test_light_rooms_load_without_torch() -> None:
    modules = [
        "omma." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for path in FILES
        if (room_of(path) in LIGHT or path.parent.name == "services") and path.name != "__init__.py"
    ]
    code = f"import sys\nfor name in {modules}: __import__(name)\nprint([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_init_files_are_empty() -> None:
    for root in (SOURCE, SOURCE.parent / "omma_recipes"):
        for path in root.rglob("__init__.py"):
            assert path.read_text(encoding="utf-8").strip() == "", f"{path} is not empty"


def test_every_folder_with_modules_is_a_package() -> None:
    for root in (SOURCE, SOURCE.parent / "omma_recipes"):
        for path in root.rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"

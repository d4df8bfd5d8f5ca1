"""The shape of the source: short functions, everything annotated, public things explained, names that mean something."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path for path in sorted((ROOT / "src").rglob("*.py")) if path.stat().st_size]
BANNED_FILES = {"utils", "common", "helpers", "misc", "base", "util", "helper"}
LONG, LONGEST, LONG_SHARE = 60, 80, 0.02
Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT / "src"))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def public(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public classes and functions of a module, and public methods of its classes that override nothing."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef) and not node.bases:
                yield from (
                    (f"{node.name}.{item.name}", item)
                    for item in node.body
                    if isinstance(item, Function) and not item.name.startswith("_")
                )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_module_is_in_shape(path: Path) -> None:
    tree = tree_of(path)
    assert path.stem not in BANNED_FILES, f"{path} has a name that says nothing"
    assert ast.get_docstring(tree), f"{path} does not say what it is"
    assert "from __future__ import annotations" not in path.read_text(encoding="utf-8"), f"{path}: shapes are checked at run time"
    for node in functions(tree):
        assert length(node) <= LONGEST, f"{path}:{node.lineno}: {node.name} has {length(node)} lines"
        unnamed = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.annotation is None]
        assert set(unnamed) <= {"self", "cls"}, f"{path}:{node.lineno}: {node.name} does not say what {unnamed} are"
        assert node.returns is not None, f"{path}:{node.lineno}: {node.name} does not say what it returns"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_public_things_are_explained(path: Path) -> None:
    for name, node in public(tree_of(path)):
        assert ast.get_docstring(node), f"{path}:{node.lineno}: {name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_silent_excepts_and_no_unfinished_marks(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"{path}:{node.lineno}: bare except"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) == 3:
            first = ast.unparse(node.args[0])
            assert first not in ("cfg", "config", "recipe", "stage"), f"{path}:{node.lineno}: a field of a config has one default"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), f"{path} holds an unfinished mark"


def test_few_functions_are_long() -> None:
    lengths = [length(node) for path in FILES for node in functions(tree_of(path))]
    long = sum(lines > LONG for lines in lengths)
    assert long <= LONG_SHARE * len(lengths), f"{long} of {len(lengths)} functions have more than {LONG} lines"


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})

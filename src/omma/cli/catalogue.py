"""Catalogue: the recipes that come with omma, found by reading source text; nothing is imported.

A recipe is a public function without arguments, annotated `-> Recipe`, in any module below `omma_recipes`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "omma_recipes"


@dataclass(frozen=True, slots=True)
class Listed:
    """One recipe of the catalogue: where its function stands, and the first lines of its docstring and of its module's."""

    name: str
    module: str
    path: Path
    line: int
    summary: str
    group: str


def catalogue(kind: str = "Recipe") -> dict[str, Listed]:
    """Name → recipe (or `kind="Suite"`: suite of benchmarks), sorted by module and line."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations, f"{PACKAGE} is not installed"
    root = Path(next(iter(spec.submodule_search_locations)))
    found = [item for path in sorted(root.rglob("*.py")) for item in recipes_in(path, _module_name(path, root), kind)]
    return {item.name: item for item in found}


def recipes_in(path: Path, module: str, kind: str = "Recipe") -> Iterator[Listed]:
    """The recipe functions of one source file. SyntaxError if it is no Python."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    group = (ast.get_docstring(tree) or module).partition("\n")[0]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _makes(node, kind):
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            yield Listed(node.name, module, path, node.lineno, summary, group)


def _makes(node: ast.FunctionDef, kind: str) -> bool:
    spec = node.args
    arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    result = ast.unparse(node.returns).rpartition(".")[2].strip("'\"") if node.returns else ""
    return not node.name.startswith("_") and not any(arguments) and result == kind


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join((PACKAGE, *(part for part in parts if part != "__init__")))

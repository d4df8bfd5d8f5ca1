"""`omma show`: recipe → YAML on the screen, or the source file of every part."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.find import find_tree
from omma.cli.screen import screen
from omma.core.config import Config, field_types, show

Source = Annotated[bool, typer.Option("--source", help="list each part with its class and source file instead")]


def command(recipe: RecipeName, changes: Changes, parts: Parts, source: Source = False) -> None:
    """Print a recipe, or a published part, as YAML that every verb accepts, or list the files its parts live in.

    Reads the recipe; writes to the screen only.

    Example: omma show quickstart run.seed=1 > my.yaml, then: omma run my.yaml
    """
    tree = find_tree(recipe, changes=changes, parts=parts)
    if source:
        screen().print(_files(tree))
    else:
        sys.stdout.write(show(tree))


def components(value: Any, path: str = "") -> list[tuple[str, Config]]:
    """Tree → every config in it with its path, parents first."""
    if isinstance(value, Config):
        children = [
            pair for name in field_types(type(value)) for pair in components(getattr(value, name), f"{path}.{name}".lstrip("."))
        ]
        return [(path, value), *children]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
    return [pair for key, item in items for pair in components(item, f"{path}.{key}")]


def source_file(part: Config) -> Path:
    """The file that defines a config's class."""
    return Path(str(sys.modules[type(part).__module__].__file__))


def _files(tree: Config) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("path", "class", "file"):
        table.add_column(name, overflow="fold")
    for path, part in components(tree):
        table.add_row(path or "(recipe)", type(part).__name__, str(_near(source_file(part))))
    return table


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

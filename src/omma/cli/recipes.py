"""`omma recipes`: the catalogue → a list on the screen, or as Markdown, in groups of one line of models each."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from omma.cli.catalogue import Listed, catalogue
from omma.cli.screen import screen
from omma.core.errors import ConfigError

Word = Annotated[str, typer.Argument(metavar="[WORD]", help="show only recipes that say this word", show_default=False)]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="print tables for a page, as in docs/RECIPES.md")]
SYSTEMS = ".systems."
NAMED = (SYSTEMS, ".data.")  # modules that are groups of their own
RUNS = "Ready to run: from nothing, or from a released checkpoint, on drawn scenes or a folder of one's own."


def command(word: Word = "", markdown: AsMarkdown = False) -> None:
    """List the recipes that come with omma: those to run on data of one's own, models and parts by family, ways to make data.

    Reads the source of omma_recipes; writes nothing. Example: omma recipes qwen
    """
    trained = [*catalogue().values(), *catalogue("Contrast").values()]
    every = [*sorted(trained, key=_order), *catalogue("Part").values(), *catalogue("Curation").values()]
    found = [item for item in every if word.lower() in f"{item.name} {item.group} {item.summary}".lower()]
    if not found:
        raise ConfigError("omma recipes", f"no recipe says {word!r}", "", "omma recipes lists them all")
    groups = [(title, list(items)) for title, items in groupby(found, key=_title)]
    if markdown:
        print(page(groups), end="")
        return
    screen().print(Group(*(part for title, items in groups for part in (Text(f"\n{title}", style="bold"), _table(items)))))


def page(groups: Sequence[tuple[str, list[Listed]]]) -> str:
    """Groups → Markdown: a heading and a table each."""
    parts = ["# Recipes\n\n`omma recipes --markdown` writes this page; `omma show RECIPE` prints all of one.\n"]
    for title, items in groups:
        rows = [f"| `{item.name}` | {item.summary} |\n" for item in items]
        name, _, what = title.partition(": ")
        parts.append(f"\n## {name}\n{what[:1].upper()}{what[1:]}\n\n| recipe | what it is |\n|---|---|\n" + "".join(rows))
    return "".join(parts)


def _order(item: Listed) -> tuple[bool, str]:
    """Recipes to run stand first; within a file they keep their order."""
    return SYSTEMS in item.module, item.module


def _title(item: Listed) -> str:
    return item.group if any(name in item.module for name in NAMED) else RUNS


def _table(items: list[Listed]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for item in items:
        table.add_row(item.name, item.summary)
    return table

"""`omma recipes`: the catalogue → a table on the screen."""

from rich.table import Table

from omma.cli.catalogue import catalogue
from omma.cli.scores import screen


def command() -> None:
    """List the recipes that come with omma.

    Reads the source of omma_recipes; writes nothing. Example: omma recipes
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("recipe", style="bold")
    table.add_column("what it is")
    table.add_column("defined in", style="dim")
    for item in catalogue().values():
        table.add_row(item.name, item.summary, item.module)
    screen().print(table)

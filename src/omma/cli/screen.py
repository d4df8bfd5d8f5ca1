"""Screen: standard output as what verbs print to. Loads nothing that a verb may not need."""

from rich.console import Console

PLAIN_WIDTH = 110  # columns where the output is no terminal


def screen() -> Console:
    """Standard output, wide enough for tables when it is a file or a pipe."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)

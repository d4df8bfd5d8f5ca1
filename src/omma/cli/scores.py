"""Scores: run folder → the table of all moments on the screen."""

from rich.console import Console
from rich.text import Text

from omma.core.runs import RunFolder
from omma.evaluate.table import read_moments, score_table

PLAIN_WIDTH = 110  # columns where the output is no terminal


def print_scores(run: RunFolder) -> None:
    """Before, after each stage, blind and trivial side by side; stage names stand on a line of their own to save width."""
    moments = {name.replace("-", "\n", 1): verdicts for name, verdicts in read_moments(run / "eval").items()}
    wide = screen()
    wide.print(Text("Scores on held-out samples", style="bold"))
    wide.print(score_table(moments))


def screen() -> Console:
    """Standard output, wide enough for tables when it is a file or a pipe."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)

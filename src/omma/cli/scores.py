"""Scores: run folder → the table of all moments on the screen."""

from rich.text import Text

from omma.cli.screen import screen
from omma.core.runs import RunFolder
from omma.evaluate.table import read_moments, score_table


def print_scores(run: RunFolder) -> None:
    """Before, after each stage, blind and trivial side by side; stage names stand on a line of their own to save width."""
    moments = {name.replace("-", "\n", 1): verdicts for name, verdicts in read_moments(run / "eval").items()}
    wide = screen()
    wide.print(Text("Scores on held-out samples", style="bold"))
    wide.print(score_table(moments))

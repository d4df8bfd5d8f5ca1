"""Scores: run folder → the table of all moments on the screen."""

from rich.text import Text

from omma.cli.screen import screen
from omma.core.runs import RunFolder
from omma.evaluate.table import read_moments, score_table


def print_scores(run: RunFolder, *, whole: bool = False) -> None:
    """All moments and the trivial guess side by side; what follows a name's first dash stands on a line of its own.

    Long lists are folded unless `whole`.
    """
    moments = {name.replace("-", "\n", 1): verdicts for name, verdicts in read_moments(run / "eval").items()}
    wide = screen()
    wide.print(Text("Scores", style="bold"))
    wide.print(score_table(moments, whole=whole))

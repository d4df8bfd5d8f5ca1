"""Scores: run folder → the table of all moments on the screen; folder of one moment → its means by ability."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from omma.cli.screen import screen
from omma.core.runs import RunFolder
from omma.evaluate.job import read_suite, read_verdicts
from omma.evaluate.table import ABSENT, read_moments, score_table
from omma.evaluate.taxonomy import Means, ability_means, main_verdicts

FEWEST = 3  # groups of abilities that are worth a table


def print_scores(run: RunFolder, *, whole: bool = False) -> None:
    """All moments and the trivial guess side by side; what follows a name's first dash stands on a line of its own.

    Long lists are folded unless `whole`.
    """
    moments = {name.replace("-", "\n", 1): verdicts for name, verdicts in read_moments(run / "eval").items()}
    wide = screen()
    wide.print(Text("Scores", style="bold"))
    wide.print(score_table(moments, whole=whole))


def print_abilities(place: Path, trusted: Sequence[str]) -> None:
    """Folder of one moment → the mean of each group of abilities, if its benchmarks test several."""
    verdicts = list(main_verdicts(read_verdicts(place)).values())
    means = ability_means(verdicts, read_suite(place, trusted))
    if len(means.groups) >= FEWEST:
        wide = screen()
        wide.print(Text(f"Abilities of {place.name}", style="bold"))
        wide.print(ability_table(means))


def ability_table(means: Means) -> Table:
    """Means → a table of their groups, and of the mean over them."""
    beside = f"; not counted, as they are no share: {', '.join(means.beside)}" if means.beside else ""
    table = Table(box=SIMPLE_HEAD, caption=f"means of main numbers{beside}", caption_justify="left", pad_edge=False)
    table.add_column("ability", no_wrap=True)
    for name in ("mean", "trivial"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("benchmarks", overflow="fold")
    for mean in means.groups:
        guess = ABSENT if mean.trivial is None else f"{mean.trivial:.1%}"
        table.add_row(mean.name, f"{mean.value:.1%}", guess, f"{len(mean.benchmarks)}: {', '.join(mean.benchmarks)}")
    value = sum(mean.value for mean in means.groups) / len(means.groups)
    guesses = [mean.trivial for mean in means.groups if mean.trivial is not None]
    guess = f"{sum(guesses) / len(guesses):.1%}" if len(guesses) == len(means.groups) else ABSENT
    table.add_row(f"all {len(means.groups)} groups", f"{value:.1%}", guess, "", style="bold")
    return table

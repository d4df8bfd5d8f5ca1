"""`omma rescore`: stored answers → verdicts anew, without the model."""

from typing import Annotated

import typer

from omma.cli.arguments import Parts, RunPath
from omma.cli.find import own_parts
from omma.cli.scores import print_scores
from omma.core.errors import CheckpointError
from omma.core.runs import RunFolder
from omma.evaluate.job import read_suite, rescore

Whole = Annotated[bool, typer.Option("--all", help="print every number of every subset and harness")]


def command(run: RunPath, parts: Parts, whole: Whole = False) -> None:
    """Score the stored answers of every moment again and print the table.

    Reads eval/<moment>/*.jsonl, suite.yaml and known.json of a run or of a folder of scores. Writes the marks and
    verdicts.json anew.

    Example: omma rescore runs/quickstart
    """
    moments = sorted(file.parent for file in run.glob("eval/*/known.json"))
    if not moments:
        raise CheckpointError(str(run / "eval"), "no stored answers", "", "run `omma eval` first")
    for folder in moments:
        rescore(read_suite(folder, own_parts(parts)), folder)
    print_scores(RunFolder(run), whole=whole)

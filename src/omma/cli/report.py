"""`omma report`: run folder → report.html, or its failed and dropped samples as lines."""

import sys
from typing import Annotated

import typer

from omma.cli.arguments import RunPath
from omma.core.errors import DataError
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.report.write import write_report

Errors = Annotated[bool, typer.Option("--errors", help="list samples that failed, with the reason, instead")]


def command(run: RunPath, errors: Errors = False) -> None:
    """Write one self-contained HTML page about a run, whole or not.

    Reads everything in the run folder. Writes report.html in it.

    Example: omma report runs/quickstart
    """
    folder = RunFolder(run)
    if not errors:
        page = write_report(folder)
        say("report:")
        sys.stdout.write(f"{page}\n")
        return
    if not (folder / "config.yaml").is_file():
        raise DataError(str(run), "no config.yaml", "a run folder", "make one with `omma run RECIPE`")
    for row in folder.ledger.table().to_pylist():
        if row["verdict"] == "error":
            sys.stdout.write(f"{row['step']}\t{row['source']}\t{row['sample_id']}\t{row['operator']}\t{row['reason']}\n")

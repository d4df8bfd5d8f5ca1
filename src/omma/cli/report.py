"""`omma report`: run folder, or folder of scores → report.html, or failed and dropped samples as lines."""

import sys
from pathlib import Path
from typing import Annotated

import pyarrow.compute as pc
import typer

from omma.cli.arguments import Parts, RunPath
from omma.cli.find import own_parts
from omma.core.errors import DataError
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.report.write import write_report

Errors = Annotated[bool, typer.Option("--errors", help="list samples that failed, with the reason, instead")]
Data = Annotated[str, typer.Option("--data", metavar="PATH", help="where the benchmarks lie now, if not where they were asked")]


def command(run: RunPath, parts: Parts, errors: Errors = False, data: Data = "") -> None:
    """Write one self-contained HTML page about a run, whole or not, or about all models in a folder of scores.

    Reads everything in the folder, and pictures of benchmarks from where they lie. Writes report.html in it.

    Example: omma report runs/quickstart

    Models side by side: omma report runs/scores --data benchmarks
    """
    folder = RunFolder(run)
    if not errors:
        page = write_report(folder, Path(data) if data else None, own_parts(parts))
        say("report:")
        sys.stdout.write(f"{page}\n")
        return
    if not (folder / "config.yaml").is_file():
        raise DataError(str(run), "no config.yaml", "a run folder", "make one with `omma run RECIPE`")
    for row in folder.ledger.table().filter(pc.field("verdict") == "error").to_pylist():
        sys.stdout.write(f"{row['step']}\t{row['source']}\t{row['sample_id']}\t{row['operator']}\t{row['reason']}\n")

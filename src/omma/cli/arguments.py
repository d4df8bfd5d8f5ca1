"""The arguments that verbs share, as annotated types, so that their help reads the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="a name, a .yaml file, ./file.py:function, or a run folder", show_default=False)
]
Changes = Annotated[
    list[str],
    typer.Argument(metavar="PATH=VALUE", help="changes, such as run.seed=1", default_factory=list, show_default=False),
]
Parts = Annotated[
    list[Path],
    typer.Option(
        "--parts",
        metavar="FILE.py",
        help="parts of your own; may be given twice",
        default_factory=list,
        show_default=False,
    ),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="a run folder, such as runs/quickstart", show_default=False)]
DataPath = Annotated[
    Path, typer.Argument(metavar="PATH", help="a run folder, a manifest (.parquet), or a folder of raw data", show_default=False)
]
Pictures = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="where the pictures lie, if not where the run says or beside the manifest"),
]

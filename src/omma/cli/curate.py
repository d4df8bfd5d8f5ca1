"""`omma curate`: raw samples → manifests, scores and ledger of a run folder; or the life of one sample in them."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import pyarrow.compute as pc
import typer

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.explain import explain as tell_life
from omma.cli.find import find_curation
from omma.cli.job import job, run_path
from omma.cli.steps import curate_step
from omma.core.progress import say
from omma.core.runs import RunFolder

GONE = ("drop", "error")
Explain = Annotated[
    str,
    typer.Option("--explain", metavar="ID", help="curate nothing; tell the life of one sample, by its id, its picture or a part"),
]


def command(recipe: RecipeName, changes: Changes, parts: Parts, explain: Explain = "") -> None:
    """Read the raw samples, keep what is sound, split off held-out ones, and say why the rest went.

    Reads data.root (or draws its world). Writes data/train.parquet, data/heldout.parquet, data/scores.parquet and the
    ledger's rows of step `curate` into the run folder.

    Example: omma curate captions_small data.root=my/photos

    Pairs of the web, no model asked: omma curate web_pairs data.root=my/web data.sources.web=TxtBeside

    What comes next: `omma data look RUN` shows what went and why, `omma data write RUN FOLDER --as webdataset` writes it out.

    A way of the field to make data: omma curate remoteclip data.root=my/scenes

    Why did this one go? omma curate runs/captions_small --explain cat_0412.jpg
    """
    if explain:
        tell_life(_curated(recipe, changes, parts), explain)
        return
    with job(recipe, changes, parts, find_curation) as work:
        curate_step(work)
        if work.world.leads:
            tell_counts(work.run)


def tell_counts(run: RunFolder) -> None:
    """Say how many samples came to what end, and which operators took them out."""
    table = run.ledger.table().select(["step", "verdict", "operator"])
    counted = table.filter(pc.field("step") == "curate").group_by(["verdict", "operator"]).aggregate([([], "count_all")])
    rows = counted.to_pylist()
    verdicts: Counter[str] = Counter()
    for row in rows:
        verdicts[row["verdict"]] += row["count_all"]
    say(f"{run / 'data'}: " + ", ".join(f"{count:,} {word}" for word, count in verdicts.most_common()))
    gone: Counter[str] = Counter()
    for row in rows:
        gone[row["operator"]] += row["count_all"] * (row["verdict"] in GONE)
    for operator, count in gone.most_common():
        if count:
            say(f"  {operator}: {count:,} dropped")


def _curated(recipe: str, changes: list[str], parts: list[Path]) -> Path:
    """RECIPE → its run folder; a run folder is itself, wherever it lies now."""
    folder = Path(recipe)
    return folder if (folder / "config.yaml").is_file() else run_path(find_curation(recipe, changes=changes, parts=parts))

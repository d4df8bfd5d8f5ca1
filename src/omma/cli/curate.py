"""`omma curate`: raw samples → manifests, scores and ledger of a run folder."""

from collections import Counter

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.job import job
from omma.cli.steps import curate_step
from omma.core.progress import say


def command(recipe: RecipeName, changes: Changes, parts: Parts) -> None:
    """Read the raw samples, keep what is sound, split off held-out ones, and say why the rest went.

    Reads data.root (or draws its world). Writes data/train.parquet, data/heldout.parquet, data/scores.parquet and the
    ledger's rows of step `curate` into the run folder.

    Example: omma curate captions_small data.root=my/photos
    """
    with job(recipe, changes, parts) as work:
        curate_step(work)
        if not work.world.leads:
            return
        table = work.run.ledger.table().to_pylist()
        verdicts = Counter(row["verdict"] for row in table if row["step"] == "curate")
        say(f"{work.run / 'data'}: " + ", ".join(f"{count:,} {word}" for word, count in verdicts.most_common()))
        gone = Counter(row["operator"] for row in table if row["step"] == "curate" and row["verdict"] in ("drop", "error"))
        for operator, count in gone.most_common():
            say(f"  {operator}: {count:,} dropped")

"""`omma plan`: curated samples → tokenizer and the packed plan of every stage."""

from rich.table import Table

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.job import job
from omma.cli.screen import screen
from omma.cli.steps import curate_step, gather, plan_step


def command(recipe: RecipeName, changes: Changes, parts: Parts) -> None:
    """Fit the tokenizer and pack the samples of every stage into bins; curate first if that is not done.

    Reads data/train.parquet of the run folder. Writes tokenizer/, plan/<stage>.parquet and ledger rows for what no bin
    holds.

    Example: omma plan quickstart
    """
    with job(recipe, changes, parts) as work:
        curate_step(work)
        plans = plan_step(work, gather(work))
        table = Table(box=None, pad_edge=False)
        for name in ("stage", "steps", "bins", "samples", "fill", "left over", "hash"):
            table.add_column(name, justify="left" if name in ("stage", "hash") else "right")
        for name, plan in plans.items():
            facts = plan.facts
            numbers = (
                f"{plan.num_steps:,}",
                f"{plan.num_bins:,}",
                f"{len(plan.sample):,}",
                f"{facts.fill:.1%}",
                f"{facts.leftover:,}",
            )
            table.add_row(name, *numbers, plan.hash)
        if work.world.leads:
            screen().print(table)

"""`omma run`: the whole way, from raw samples to a scored model and its report. Run again, it continues."""

from pathlib import Path

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.job import Job, job
from omma.cli.scores import print_scores
from omma.cli.screen import screen
from omma.cli.steps import catch_up, curate_step, evaluate_step, fresh_model, gather, plan_step, report_step, train_step
from omma.report.facts import read_facts
from omma.report.timing import timing
from omma.report.write import seconds


def command(recipe: RecipeName, changes: Changes, parts: Parts) -> None:
    """Curate, plan, train all stages, evaluate before, after each and blind, and write the report.

    Reads the recipe and its raw data. Writes a run folder (run.folder, by default runs/<id>) with every intermediate
    result; run again with the same recipe, it continues where it stopped.

    Example: omma run quickstart run.folder=runs/first
    """
    with job(recipe, changes, parts) as work:
        whole_way(work)
        if work.world.leads:
            conclude(work, recipe, report_step(work))


def whole_way(work: Job) -> None:
    """All steps but the report, in order."""
    curate_step(work)
    materials = gather(work)
    plan_step(work, materials)
    module = fresh_model(work)
    evaluate_step(work, module, materials, "before")
    checkpoints = train_step(work, module, materials, score=True)
    catch_up(work, checkpoints, materials)
    evaluate_step(work, module, materials, "blind", sight="grey")


def conclude(work: Job, recipe: str, page: Path) -> None:
    """Scores, cost and what to do next, on the screen."""
    out, cost = screen(), timing(read_facts(work.run))
    print_scores(work.run)
    out.print(f"\n{seconds(cost.seconds)} in all, at most {cost.rss_peak_mib / 1024:.2f} GiB of memory", markup=False)
    out.print(f"report: {page}\n", markup=False, soft_wrap=True)
    for hint, what in hints(work, recipe):
        out.print(f"  {hint:<48} {what}", markup=False, soft_wrap=True)


def hints(work: Job, recipe: str) -> list[tuple[str, str]]:
    """Commands that make sense after a run, with what they do."""
    run = work.run.path
    return [
        (f"omma chat {run} --image PICTURE", "ask it about a picture"),
        (f"omma eval {run}", "score it again, or with --blind"),
        (f"omma show {recipe}", "see every number of the recipe"),
        (f"omma report {run}", "write the page again"),
        ("omma recipes", "see what else there is"),
    ]

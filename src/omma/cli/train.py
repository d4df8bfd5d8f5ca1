"""`omma train`: planned samples → checkpoints of every stage."""

from omma.cli.arguments import Changes, Parts, RecipeName
from omma.cli.contrast import contrast_step
from omma.cli.find import find_trained
from omma.cli.job import Job, job
from omma.cli.steps import curate_step, fresh_model, gather, plan_step, train_step
from omma.core.progress import say
from omma.recipe import Contrast


def command(recipe: RecipeName, changes: Changes, parts: Parts) -> None:
    """Train the stages in order from where they stopped; curate and plan first if that is not done.

    Reads data/, tokenizer/ and plan/ of the run folder. Writes checkpoints/ and log.jsonl. Ctrl-C finishes the step and
    writes a checkpoint; the same command continues. On several processes: torchrun --nproc-per-node 2 -m omma.cli.main train RECIPE

    Two towers (`clip_small`) are trained in one stage, by one process, and leave no plan.

    Example: omma train quickstart stages.align.length.count=100
    """
    with job(recipe, changes, parts, find_trained) as work:
        curate_step(work)
        if isinstance(work.recipe, Contrast):
            final = contrast_step(work, work.recipe)
            say(f"trained: {final.folder}")
            say(f"next: ask it in a recipe, model=Space(folder={str(work.run.path)!r})")
            return
        materials = gather(work)
        plan_step(work, materials)
        finals = train_step(work, fresh_model(work), materials, score=False)
        if work.world.leads:
            say(f"trained: {', '.join(str(final.folder) for final in finals)}")
            say(f"next: {next_steps(work)}")


def next_steps(work: Job) -> str:
    """What one would do with a trained run."""
    verbs = [f"omma chat {work.run.path} --image PICTURE", f"omma export {work.run.path}"]
    return "; ".join([f"omma run {work.run.path} (scores it)", *verbs] if work.recipe.suite else verbs)

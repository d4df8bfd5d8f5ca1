"""Job: a recipe in its run folder, opened or continued; what an interruption leaves is told in one line."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from omma.cli.find import find_recipe
from omma.cli.interrupted import Interrupted
from omma.cli.part_clock import PartClock
from omma.core.runs import RunFolder
from omma.recipe import Contrast, Curation, Recipe
from omma.report.machine import machine
from omma.train.parallel import World, world
from omma.train.signals import Stopped


@dataclass(frozen=True, slots=True)
class Job:
    """What the steps of a run work on."""

    recipe: Recipe
    run: RunFolder
    world: World
    clock: PartClock


@contextmanager
def job(name: str, changes: Sequence[str], parts: Sequence[Path], find: Callable[..., Any] = find_recipe) -> Iterator[Job]:
    """RECIPE with changes → job over its run folder. Ctrl-C inside becomes Interrupted, saying what is kept.

    `find` says what else than a recipe will do for the steps. CheckpointError if the folder was begun with another recipe.
    """
    recipe = find(name, changes=changes, parts=parts)
    run = RunFolder(run_path(recipe))
    torch.set_num_threads(recipe.run.threads)
    with kept(run), world(recipe.run.device) as here:
        if here.leads:
            run.make()
            run.begin(recipe, command=typed(), free=not_used_yet(run))
            run.log.write(event="machine", facts=machine())
        here.wait()
        yield Job(recipe, run, here, PartClock(run))


def not_used_yet(run: RunFolder) -> tuple[str, ...]:
    """Parts of a recipe that may still change: stages and suite, as long as nothing is planned (a doctor writes no plan)."""
    return () if run.done("plan") is not None or (run / "checkpoints").exists() else ("stages.", "stage.", "suite.")


@contextmanager
def kept(run: RunFolder) -> Iterator[None]:
    """Turn a person's or the system's wish to stop into Interrupted with what the folder holds."""
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        raise Interrupted(what_is_kept(run)) from None


def what_is_kept(run: RunFolder) -> str:
    """Run folder → words for its finished steps and its newest checkpoint."""
    done = sorted((run / "done").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    checkpoints = sorted((run / "checkpoints").glob("[!.]*"), key=lambda path: path.stat().st_mtime_ns)
    words = [f"{', '.join(path.stem for path in done)} done"] if done else ["no step is finished yet"]
    words += [f"checkpoint {checkpoints[-1].name}"] if checkpoints else []
    return f"kept in {run.path}: {'; '.join(words)}"


def run_path(recipe: Recipe | Curation | Contrast) -> Path:
    """Recipe → its run folder: the one it names, or runs/<id>."""
    return Path(recipe.run.folder or f"runs/{recipe.id}")


def typed() -> str:
    """The command line as it was typed."""
    return shlex.join(["omma", *sys.argv[1:]])

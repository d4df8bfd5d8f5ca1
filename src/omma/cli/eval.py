"""`omma eval`: a trained run + its held-out samples → scores."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from omma.cli.arguments import Parts, RunPath
from omma.cli.find import find_recipe, own_parts
from omma.cli.job import kept
from omma.cli.scores import print_scores
from omma.core.errors import CheckpointError
from omma.core.runs import RunFolder
from omma.evaluate.job import evaluate
from omma.evaluate.saved import find_saved, load_talker
from omma.schema.manifest import read_manifest
from omma.train.parallel import pick_device

Blind = Annotated[bool, typer.Option("--blind", help="replace every picture by plain grey")]


def command(run: RunPath, parts: Parts, blind: Blind = False) -> None:
    """Score the newest checkpoint of a run on its held-out samples and print the scores of all moments.

    Reads checkpoints/ and data/ of the run folder. Writes eval/after-<stage>/ or eval/blind/. Answers that are stored
    already are not asked again; `omma rescore` only counts them anew.

    Example: omma eval runs/quickstart --blind
    """
    recipe = find_recipe(str(run), parts=parts)
    folder, trusted = RunFolder(run), own_parts(parts)
    torch.set_num_threads(recipe.run.threads)
    checkpoint = find_saved(run, trusted).folder
    moment = "blind" if blind else moment_of(checkpoint)
    with kept(folder):
        talker = load_talker(checkpoint, pick_device(recipe.run.device), trusted)
        train, heldout = (read_manifest(folder / f"data/{name}.parquet") for name in ("train", "heldout"))
        evaluate(recipe.suite, talker, heldout, train, folder / f"eval/{moment}", "grey" if blind else "picture")
    print_scores(folder)


def moment_of(checkpoint: Path) -> str:
    """Checkpoint folder → `after-<stage>` if it ends its stage, else its own name. CheckpointError if it cannot be read."""
    try:
        state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
        ended = state["step"] == state["steps"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(str(checkpoint), f"state.json is unreadable ({error})", "a whole checkpoint") from None
    return f"after-{state['stage']}" if ended else checkpoint.name

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
from omma.evaluate.question import Supply
from omma.evaluate.saved import find_saved, load_talker
from omma.media.store import Store
from omma.schema.manifest import read_manifest
from omma.train.parallel import pick_device

Blind = Annotated[bool, typer.Option("--blind", help="replace every picture by plain grey")]
On = Annotated[str, typer.Option("--on", metavar="RUN", help="the run whose held-out samples and suite to take")]


def command(run: RunPath, parts: Parts, blind: Blind = False, on: On = "") -> None:
    """Score the newest checkpoint of a run on its held-out samples and print the scores of all moments.

    Reads checkpoints/ and data/ of the run folder. Writes eval/after-<stage>/ or eval/blind/; with --on, the samples and
    the suite are those of another run, into whose eval/NAME/ it writes, as imported and merged models need. Answers
    that are stored already are not asked again; `omma rescore` only counts them anew.

    Example: omma eval runs/quickstart --blind
    """
    place = Path(on) if on else run
    recipe = find_recipe(str(place), parts=parts)
    folder, trusted = RunFolder(place), own_parts(parts)
    torch.set_num_threads(recipe.run.threads)
    checkpoint = find_saved(run, trusted).folder
    moment = moment_of(checkpoint, on, blind)
    with kept(folder):
        talker = load_talker(checkpoint, pick_device(recipe.run.device), trusted)
        talker = talker.looking_at(Store(find_saved(place, trusted).root)) if on else talker
        train, heldout = (read_manifest(folder / f"data/{name}.parquet") for name in ("train", "heldout"))
        evaluate(recipe.suite, talker, Supply(heldout, train), folder / f"eval/{moment}", "grey" if blind else "picture")
    print_scores(folder)


def moment_of(checkpoint: Path, on: str, blind: bool) -> str:
    """Checkpoint folder → `after-<stage>` if it ends its stage, else its own name. CheckpointError if it cannot be read."""
    if on:
        return checkpoint.name + ("-blind" if blind else "")
    if blind:
        return "blind"
    try:
        state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
        ended = state["step"] == state["steps"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(str(checkpoint), f"state.json is unreadable ({error})", "a whole checkpoint") from None
    return f"after-{state['stage']}" if ended else checkpoint.name

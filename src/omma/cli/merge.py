"""`omma merge`: several checkpoints → one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from omma.answerers.saved import find_saved
from omma.cli.arguments import Parts
from omma.cli.find import own_parts
from omma.cli.screen import screen
from omma.core.errors import ConfigError
from omma.core.runs import RunFolder
from omma.generate.talker import Talker
from omma.pack.chat import Chat
from omma.schema.manifest import read_manifest
from omma.weights.merge import Merged, Slice, greedy_soup, interpolate, soup, stack, write_merged
from omma.weights.native import fill, shell

Method = Annotated[
    Literal["soup", "greedy", "interpolate", "stack"], typer.Argument(metavar="METHOD", help="soup, greedy, interpolate or stack")
]
Folders = Annotated[
    list[str], typer.Argument(metavar="FOLDER", help="run or checkpoint folders; for stack with blocks, as FOLDER:0-24")
]
To = Annotated[str, typer.Option("--to", metavar="FOLDER", help="the folder to write")]
At = Annotated[float, typer.Option("--at", help="interpolate: 0 is the first, 1 the second")]
On = Annotated[str, typer.Option("--on", metavar="RUN", help="greedy: the run whose held-out samples decide")]
Limit = Annotated[int, typer.Option("--limit", help="greedy: the most held-out samples that are read")]


def command(
    method: Method, folders: Folders, parts: Parts, to: To = "runs/merged", at: At = 0.5, on: On = "", limit: Limit = 256
) -> None:
    """Make one model of several: their mean, the mean of those that help, a point between two, or stacked blocks.

    Reads checkpoints of equal shape (for stack: equal but for the number of blocks). Writes a checkpoint folder with the
    words of the first, which `omma chat`, `omma export` and weights.model=FOLDER read.

    Example: omma merge soup runs/a runs/b runs/c --to runs/soup
    """
    trusted = own_parts(parts)
    if method == "stack":
        slices = [_slice(text, trusted) for text in folders]
        made, first = stack(slices, trusted), slices[0].folder
    else:
        places = [find_saved(Path(folder), trusted).folder for folder in folders]
        made, first = _averaged(method, places, at, on, limit, trusted), places[0]
    write_merged(made, first, Path(to))
    screen().print(f"{made.origin}\nwrote {to}; next: omma chat {to} --image PICTURE", markup=False, soft_wrap=True)


def _averaged(method: str, places: list[Path], at: float, on: str, limit: int, trusted: tuple[str, ...]) -> Merged:
    if method == "soup":
        return soup(places, trusted=trusted)
    if method == "interpolate":
        if len(places) != 2:
            raise ConfigError("omma merge interpolate", f"{len(places)} folders", "two")
        return interpolate(places[0], places[1], at, trusted)
    if not on:
        raise ConfigError("omma merge greedy", "no run to be scored on", "--on RUN, whose held-out samples decide")
    return greedy_soup(places, HeldOut(Path(on), limit, trusted).loss, trusted)


class HeldOut:
    """The held-out samples of a run as a judge of models."""

    def __init__(self, run: Path, limit: int, trusted: tuple[str, ...]) -> None:
        self.samples = read_manifest(RunFolder(run) / "data/heldout.parquet")[:limit]
        self.saved = find_saved(run, trusted)

    def loss(self, made: Merged) -> float:
        """Merged model → mean loss per supervised token."""
        text = made.model.text
        assert isinstance(text, Chat)
        module = shell(made.model, "cpu")
        fill(module, {name: made.read(name) for name in made.tensors}, where=made.origin)
        talker = Talker(module, text.load(self.saved.folder / "tokenizer"), made.model, self.saved.store)
        losses = talker.losses(self.samples, "picture")
        return sum(one.total for one in losses) / sum(one.count for one in losses)


def _slice(text: str, trusted: tuple[str, ...]) -> Slice:
    folder, _, blocks = text.rpartition(":")
    start, dash, stop = blocks.partition("-")
    if not (folder and dash and start.isdigit() and stop.isdigit()):
        raise ConfigError("omma merge stack", repr(text), "FOLDER:START-STOP, such as runs/a:0-24")
    return Slice(find_saved(Path(folder), trusted).folder, int(start), int(stop))

"""`omma export`: a trained model → a folder that transformers, vLLM and SGLang load."""

import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from omma.answerers.saved import find_saved
from omma.cli.arguments import Parts, RunPath
from omma.cli.find import own_parts
from omma.cli.screen import screen
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import atomic_path
from omma.pack.chat import Chat
from omma.weights.export import export, layout_of, no_class
from omma.weights.native import load_model
from omma.weights.served import next_step

To = Annotated[Literal["transformers", "native"], typer.Option("--to", help="whose layout to write")]
Output = Annotated[str, typer.Option("--output", metavar="FOLDER", help="the folder to write (default: RUN/export)")]
ShardSize = Annotated[float, typer.Option("--shard-size", metavar="GB", help="the most that one file of weights holds")]
NATIVE_PARTS = ("config.yaml", "tokenizer")


def command(run: RunPath, parts: Parts, to: To = "transformers", output: Output = "", shard_size: ShardSize = 5.0) -> None:
    """Write the newest checkpoint of a run (or a checkpoint folder) for other programs.

    Reads the checkpoint and its tokenizer; writes a folder, RUN/export if none is given. With --to transformers,
    transformers loads what was written and must give the same token ids and logits on test pictures before the folder
    is kept. A model that no released class covers is written in omma's own layout instead, with a word that nothing
    else can serve it.

    Example: omma export runs/llava --output llava-tuned
    """
    if shard_size <= 0:
        raise ConfigError("--shard-size", f"{shard_size} GB", "more than 0")
    trusted = own_parts(parts)
    saved = find_saved(run, trusted)
    target = Path(output or run / "export")
    if to == "native":
        _copy(saved.folder, target)
        return
    text = saved.model.text
    if not isinstance(text, Chat):
        raise CheckpointError(str(saved.folder), f"a model whose text is a {type(text).__name__}", "a Chat")
    codec = text.load(saved.folder / "tokenizer")
    module = load_model(saved.folder, saved.model)
    try:
        layout_of(module, codec)
    except CheckpointError as error:
        screen().print(no_class(error), markup=False, soft_wrap=True)
        _copy(saved.folder, target)
        return
    done = export(module, codec, target, shard_bytes=int(shard_size * 1e9))
    files = f"{done.num_files} file{'s' if done.num_files > 1 else ''} of weights"
    agreed = f"logits of {done.agreement.num_positions} positions differ by at most {done.agreement.worst:.1e} of the largest"
    screen().print(f"transformers loads it as {done.architecture}; {agreed}", markup=False, soft_wrap=True)
    then = next_step(done.architecture, target)
    screen().print(f"wrote {target} ({files}); next: {then}", markup=False, soft_wrap=True)


def _copy(folder: Path, target: Path) -> None:
    """The files of a checkpoint that are needed to talk to the model, without those to go on training."""
    if target.exists():
        raise ConfigError(str(target), "is there already", "", "give another folder with --output FOLDER")
    with atomic_path(target) as temporary:
        temporary.mkdir(parents=True)
        for path in sorted((*folder.glob("model*.safetensors*"), *(folder / name for name in NATIVE_PARTS))):
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, temporary / path.name)
    screen().print(f"wrote {target}", markup=False, soft_wrap=True)

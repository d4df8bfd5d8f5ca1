"""`omma import`: a released checkpoint folder → a checkpoint folder of omma."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from omma.cli.screen import screen
from omma.core.errors import ConfigError
from omma.model.vlm import Vlm
from omma.weights.imported import how_to_use, import_checkpoint
from omma.weights.match import Match, folded
from omma.weights.shards import DTYPES
from omma.weights.source import Source, open_source, own_tensors

PRECISIONS = {"fp32": DTYPES["F32"], "bf16": DTYPES["BF16"], "fp16": DTYPES["F16"], "stored": None}
SHOWN = 6  # folded names of a kind, unless all are asked for

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="the folder of a downloaded checkpoint", show_default=False)]
To = Annotated[str, typer.Option("--to", metavar="FOLDER", help="the folder to write (default: runs/NAME of the folder)")]
Precision = Annotated[Literal["stored", "fp32", "bf16", "fp16"], typer.Option("--dtype", help="precision of the written weights")]
Keys = Annotated[bool, typer.Option("--keys", help="list every key, not only kinds of keys")]


def command(folder: Folder, to: To = "", dtype: Precision = "stored", keys: Keys = False) -> None:
    """Turn a released vision-language checkpoint into a checkpoint folder of omma, every tensor accounted for.

    Reads config.json, *.safetensors, the tokenizer and the processor files; runs no code of the folder. Writes config.yaml,
    model.safetensors and tokenizer/, which `omma chat`, `omma export` and weights.model=FOLDER read. A folder with a
    language model or a vision tower alone is only checked: name it in a recipe as weights.language=FOLDER.

    Example: omma import llava-1.5-7b-hf --to runs/llava
    """
    source = open_source(folder)
    if source.family is None:
        raise ConfigError(str(folder), "a checkpoint of omma", "a released folder", how_to_use(source))
    model = source.model
    rows = model.text.vocab_size if isinstance(model, Vlm) else source.rows
    found = source.match(own_tensors(source, rows), rows)
    screen().print(report(found, source, keys))
    found.check(str(folder))
    if not isinstance(model, Vlm):
        screen().print(f"a {source.kind} model, complete; {how_to_use(source)}", markup=False, soft_wrap=True)
        return
    target = Path(to or f"runs/{folder.resolve().name}")
    import_checkpoint(source, target, PRECISIONS[dtype])
    then = f"omma chat {target} --image PICTURE; omma train finetune_lora weights.model={target} data.root=FOLDER"
    screen().print(f"wrote {target}\nnext: {then}", markup=False, soft_wrap=True)


def report(found: Match, source: Source, keys: bool) -> Table:
    """What went where → a table of counts and names; with `keys` of every single one."""
    kinds = {
        "mapped": tuple(theirs for theirs, _ in found.mapped),
        "reshaped": found.reshaped,
        "grown": found.grown,
        "not used": found.skipped,
        "missing": found.missing,
        "unexpected": found.unexpected,
        "other shape": found.wrong,
    }
    size = source.shards.num_bytes
    table = Table(
        box=None, pad_edge=False, title=f"{source.folder}: {len(source.shards)} tensors, {_size(size)}", title_justify="left"
    )
    for name in ("keys", "count", "names"):
        table.add_column(name, overflow="fold", justify="right" if name == "count" else "left")
    ours = dict(found.mapped)
    for kind, names in kinds.items():
        said = [f"{name} → {ours[name]}" if name in ours else name for name in names] if keys else _told(names)
        table.add_row(kind, str(len(names)), "\n".join(said))
    return table


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.2f} MB"


def _told(names: tuple[str, ...]) -> list[str]:
    kinds = [f"{name} ×{count}" if count > 1 else name for name, count in folded(names).items()]
    rest = [f"and {len(kinds) - SHOWN} more kinds (--keys lists all)"] if len(kinds) > SHOWN else []
    return kinds[:SHOWN] + rest

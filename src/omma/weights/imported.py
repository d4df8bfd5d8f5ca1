"""Imported: a released folder → a checkpoint folder of omma: config.yaml, model.safetensors (several with an index), tokenizer/."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from omma.core.config import Config, config, show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import replaced_path, write_text
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.weights.match import Match
from omma.weights.shards import FLOATS, SHARD_BYTES, Stored, write_shards
from omma.weights.source import NATIVE, SLOTS, Source, own_tensors


@config
class Imported(Config):
    """The config.yaml of an imported folder. `rows` of the vocabulary were in the file; the text slot may have more."""

    model: Vlm
    origin: str
    model_type: str
    rows: int


def import_checkpoint(source: Source, target: Path, dtype: torch.dtype | None = None, *, shard_bytes: int = SHARD_BYTES) -> Match:
    """Open folder + target + precision (the stored one if none) → the folder, whole or not at all, and what went where.

    Tensors whose values stay as they are go from file to file; of the others one at a time is in memory. config.yaml comes
    last: a folder without it is none. The disk is not waited for, since all of it can be made again: if a power cut takes the
    end of a file, its header says more bytes than it has, and whoever opens the folder is told so.

    CheckpointError for a folder that is a part of a model, has been imported already, or does not fit its config.json;
    ConfigError if there is something at the target.
    """
    model = source.model
    if not isinstance(model, Vlm) or source.family is None:
        raise CheckpointError(str(source.folder), f"a {source.kind} model", "a released vision-language model", how_to_use(source))
    if target.exists():
        raise ConfigError(str(target), "is there already", "", "give another folder with --to FOLDER")
    own = own_tensors(source)
    found = source.match(own, model.text.vocab_size)
    found.check(str(source.folder))
    file_names = {source.names.canonical(name): name for name in source.shards.stored}
    dtypes = {pair.ours: source.shards.stored[file_names[pair.theirs]].dtype for pair in source.names.pairs}
    kinds = {name: tensor.to(dtype or dtypes[name]) for name, tensor in own.items()}
    text = model.text
    assert isinstance(text, Chat)
    with replaced_path(target) as temporary:
        write_shards(temporary, kinds, source.reader(own, dtype), shard_bytes=shard_bytes, places=places(source, kinds))
        text.fit((), temporary / "tokenizer")
        tree = Imported(model=model, origin=str(source.folder), model_type=source.family.model_types[0], rows=source.rows)
        write_text(temporary / NATIVE, show(tree))
    return found


def places(source: Source, wanted: Mapping[str, Tensor]) -> dict[str, Stored]:
    """Tensors of ours (meta is enough) → where their very bytes stand in the released files, for all that need no change.

    A form whose part is a contiguous view of their tensor changes no value: the view says which bytes. Left out are those
    that get another dtype or more rows, that are turned, and those that `Shards.read` refuses.
    """
    stored = {source.names.canonical(name): at for name, at in source.shards.stored.items()}
    found: dict[str, Stored] = {}
    for pair in source.names.pairs:
        at = stored[pair.theirs]
        theirs = torch.empty(at.shape, dtype=at.dtype, device="meta")
        parts = pair.form.split(theirs)
        part = parts[0] if len(parts) == 1 else parts[pair.part]
        view = (part is theirs or part._base is theirs) and part.is_contiguous()
        ours = wanted[pair.ours]
        if view and at.dtype in FLOATS and part.shape == ours.shape and part.dtype == ours.dtype == at.dtype:
            begin = at.begin + int(part.storage_offset()) * at.dtype.itemsize
            found[pair.ours] = replace(at, shape=tuple(part.shape), begin=begin, end=begin + part.numel() * at.dtype.itemsize)
    return found


def how_to_use(source: Source) -> str:
    """What a person can do with a folder that is no whole vision-language model."""
    if source.family is None:
        return "it is a checkpoint of omma already: omma chat FOLDER, or weights.model=FOLDER to train from it"
    return f"use it as a part: omma train RECIPE weights.{SLOTS[source.kind].rstrip('.')}={source.folder}"

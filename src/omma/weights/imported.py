"""Imported: a released folder → a checkpoint folder of omma: config.yaml, model.safetensors (several with an index), tokenizer/."""

from pathlib import Path

import torch

from omma.core.config import Config, config, show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import atomic_path, write_text
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.weights.match import Match
from omma.weights.shards import SHARD_BYTES, write_shards
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

    One tensor at a time is in memory. CheckpointError for a folder that is a part of a model, has been imported already, or
    does not fit its config.json; ConfigError if there is something at the target.
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
    with atomic_path(target) as temporary:
        write_shards(temporary, kinds, source.reader(own, dtype), shard_bytes=shard_bytes)
        text.fit((), temporary / "tokenizer")
        tree = Imported(model=model, origin=str(source.folder), model_type=source.family.model_types[0], rows=source.rows)
        write_text(temporary / NATIVE, show(tree))
    return found


def how_to_use(source: Source) -> str:
    """What a person can do with a folder that is no whole vision-language model."""
    if source.family is None:
        return "it is a checkpoint of omma already: omma chat FOLDER, or weights.model=FOLDER to train from it"
    return f"use it as a part: omma train RECIPE weights.{SLOTS[source.kind].rstrip('.')}={source.folder}"
